import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { createConnection } from 'node:net';
import { connect, getCACertificates, setDefaultCACertificates, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createClient, requireSuccess, type Client } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import { ensureTinyLinux, imageCache } from '@polyvirt/tools';
import { Installation, requireDone, type Running } from './across-hosts/installation.ts';
import { OtherNetwork } from './across-hosts/other-network.ts';
import { operationWhen, patienceMs, power, vmWhen } from './requests.ts';
import { KvmBelongings, virsh } from './stack/kvm-belongings.ts';

const longMs = 600_000;
const id = 'kvm-lab1';

/** The gateway on one machine, the hypervisor on another: what is between them is TLS on a network of its own. */
describe('across hosts', () => {
  const prefix = `e2e-${randomBytes(3).toString('hex')}-`;
  const kvm = new KvmBelongings(prefix);
  const trusted = getCACertificates('default');
  let network: OtherNetwork;
  let installation: Installation;
  let admin: Client;
  let settings: Record<string, string>;
  let agent: Running;
  let vmId: string;

  beforeAll(async () => {
    network = await OtherNetwork.open();
    installation = new Installation(network);
    await kvm.prepare();
    const images = join(installation.folder, 'images');
    mkdirSync(images);
    await ensureTinyLinux({ cacheDir: imageCache, target: join(images, 'tiny-linux.qcow2'), log: () => undefined });
    settings = { POLYVIRT_STORAGE_POOL: kvm.pool, POLYVIRT_STORAGE_PATH: kvm.path, POLYVIRT_IMAGE_PATH: images };
    await installation.install();
    // Not before there is one: the server makes its authority.
    const trust = () => setDefaultCACertificates([...trusted, installation.authority]);
    await installation.start(trust);
    admin = createClient({ url: installation.url, username: 'admin', password: installation.firstPassword });
  }, longMs);
  afterAll(async () => {
    setDefaultCACertificates(trusted);
    await installation?.close();
    await network?.close();
    await kvm.remove();
  }, longMs);

  const host = async () => (await admin.GET('/api/v1/hosts/{hostId}', { params: { path: { hostId: id } } })).data;
  const isIn = (state: string) =>
    eventually(async () => {
      const { state: now } = await host();
      if (now !== state) throw new Error(`${id} is ${now}\n${agent.text()}`);
    }, patienceMs);
  /** The names in the certificate that is shown to whoever connects now. */
  const namesIn = async (socket: TLSSocket): Promise<string> => {
    await once(socket, 'secureConnect');
    const { subjectaltname = '' } = socket.getPeerCertificate();
    socket.destroy();
    return subjectaltname;
  };
  const shownByGateway = () => namesIn(connect({ host: '127.0.0.1', port: installation.port }));
  const shownByNats = async () => {
    const plain = createConnection({ host: '127.0.0.1', port: installation.natsPort });
    // It speaks first, in the clear.
    await once(plain, 'data');
    return namesIn(connect({ socket: plain, host: '127.0.0.1' }));
  };

  it(
    'a machine joins over TLS by one line, to the server that the line names and to no other, and runs a guest',
    async () => {
      const { data: invitation } = await admin.POST('/api/v1/hosts', { body: { id, hypervisor: 'kvm' } });
      expect(invitation).toMatchObject({ url: `https://${network.here}:${installation.port}`, notes: [] });
      const line = invitation.command.split(' ').slice(1);
      const wrong = line.map((word) => (word === invitation.caSha256 ? '0'.repeat(64) : word));
      expect(await installation.agent('there', wrong).ended).toMatchObject({
        exitCode: 4,
        text: expect.stringContaining('nothing was sent to it'),
      });
      // Nothing of it came here: the token is as good as before.
      agent = installation.agent('there', line, settings);
      await isIn('ready');
      expect(await host()).toMatchObject({ hypervisor: 'kvm', join: { joinedFrom: network.there } });
      const stolen = await installation.agent('thief', line).ended;
      expect(stolen).toMatchObject({
        exitCode: 4,
        text: expect.stringContaining(`was used from ${network.there}`),
      });
      const guest = { disks: [{ image: 'tiny-linux' }], nics: [{ network: kvm.network }], memoryMiB: 160, start: true };
      const { data: made } = await admin.POST('/api/v1/vms', { body: { host: id, name: `${prefix}web-1`, ...guest } });
      const ended = await operationWhen(admin, made.id, ({ status }) => status !== 'pending' && status !== 'running');
      vmId = requireSuccess(ended).vmId!;
      expect(await virsh('domstate', `${prefix}web-1`)).toBe('running');
      // Its kernel has begun, and has asked the network that libvirt gave it.
      await vmWhen(admin, vmId, ({ nics }) => nics[0]!.addresses.length > 0);
    },
    longMs,
  );

  it(
    'a link that is lost stops no machine, and the host is back when the link is',
    async () => {
      await network.setLink('down');
      await isIn('offline');
      expect(await virsh('domstate', `${prefix}web-1`)).toBe('running');
      await network.setLink('up');
      await isIn('ready');
      expect(agent.child.exitCode).toBeNull();
      await power(admin, vmId, 'reset');
    },
    longMs,
  );

  it(
    'certificates are renewed while requests and commands go on, and none of them fails',
    async () => {
      const faults: unknown[] = [];
      let answered = 0;
      let isOver = false;
      const ask = async () => {
        while (!isOver) {
          try {
            const request = get(`${installation.url}/healthz`, { agent: false });
            const [response] = (await once(request, 'response')) as [IncomingMessage];
            response.resume();
            await once(response, 'end');
            if (response.statusCode !== 200) throw new Error(`it answered ${response.statusCode}`);
            answered += 1;
          } catch (error) {
            faults.push(error);
          }
        }
      };
      const load = Promise.all([ask(), ask()]);
      try {
        await eventually(() => expect(answered).toBeGreaterThan(0));
        for (const shown of [shownByGateway, shownByNats]) expect(await shown()).not.toContain('polyvirt.test');
        const renewed = installation.server('init', '--name', network.here, '--name', 'polyvirt.test').ended;
        expect(requireDone(await renewed)).toContain('another certificate');
        installation.nats!.child.kill('SIGHUP');
        for (const shown of [shownByGateway, shownByNats])
          await eventually(async () => expect(await shown()).toContain('DNS:polyvirt.test'), patienceMs);
        await power(admin, vmId, 'reset');
        const before = answered;
        await eventually(() => expect(answered).toBeGreaterThan(before));
      } finally {
        isOver = true;
        await load;
      }
      expect(faults).toEqual([]);
      expect(await host()).toMatchObject({ state: 'ready' });
    },
    longMs,
  );

  it(
    'a password that was lost is reset on the machine of the server, which goes on',
    async () => {
      const before = installation.firstPassword;
      const another = randomBytes(24).toString('base64url');
      const file = join(installation.folder, 'password');
      writeFileSync(file, `${another}\n`, { mode: 0o600 });
      expect(requireDone(await installation.server('reset-password', '--password-file', file).ended)).toContain(
        'have ended',
      );
      const logIn = async (password: string) => {
        const body = JSON.stringify({ username: 'admin', password });
        const headers = { 'content-type': 'application/json' };
        return (await fetch(`${installation.url}/api/v1/auth/login`, { method: 'POST', headers, body })).status;
      };
      expect([await logIn(before), await logIn(another)]).toEqual([401, 200]);
      admin = createClient({ url: installation.url, username: 'admin', password: another });
      expect(await installation.server('reset-password', 'nobody').ended).toMatchObject({
        exitCode: 1,
        text: expect.stringContaining('There is no user nobody. Admins are admin.'),
      });
    },
    longMs,
  );

  it(
    'a host leaves by itself, and its machines run on',
    async () => {
      agent.child.kill('SIGTERM');
      expect((await agent.ended).exitCode).toBe(0);
      requireDone(await installation.agent('there', ['leave']).ended);
      await expect(host()).rejects.toMatchObject({ code: 'host-not-found' });
      expect(await virsh('domstate', `${prefix}web-1`)).toBe('running');
    },
    longMs,
  );
});
