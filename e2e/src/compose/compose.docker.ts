import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireSuccess, type Client, type Operation } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import { root, run } from '@polyvirt/tools';
import { operationWhen, readVm, vmWhen, waiting } from '../requests.ts';
import { Composition, patienceMs } from './composition.ts';

const joined = 'lab-1';
const local = 'vmware-local';
const project = 'second';
const hasEnded = ({ status }: Operation) => status !== 'pending' && status !== 'running';

describe('docker-compose.yml', () => {
  let composition: Composition;
  let admin: Client;

  beforeAll(async () => {
    composition = await Composition.open();
  }, 4 * patienceMs);
  afterAll(() => composition?.close(), patienceMs);

  const isReady = (hostId: string) =>
    eventually(async () => {
      const { data } = await admin.GET('/api/v1/hosts/{hostId}', { params: { path: { hostId } } });
      if (data.state !== 'ready') throw new Error(`${hostId} is ${data.state}`);
    }, patienceMs);
  const names = async (hostId: string) => {
    const { data } = await admin.GET('/api/v1/vms', { params: { query: { host: [hostId], limit: 100 } } });
    return data.items.map(({ name }) => name).sort();
  };

  it(
    'comes up, healthy, from nothing but its images, and its first password lets in over TLS',
    async () => {
      await composition.compose(['up', '-d']);
      await composition.healthy();
      admin = await composition.admin();
      const { data } = await admin.GET('/api/v1/hosts');
      expect(data.items).toEqual([]);
    },
    2 * patienceMs,
  );

  it(
    'has a host in another network join by the line of `polyvirt host add`, with a machine that boots on real libvirt',
    async () => {
      const { data: invitation } = await admin.POST('/api/v1/hosts', { body: { id: joined, hypervisor: 'kvm' } });
      expect(invitation.notes).toEqual([]);
      const env = { POLYVIRT_JOIN: invitation.command };
      await composition.compose(['--profile', 'kvm', 'up', '-d', 'kvm-agent'], { project, env });
      await isReady(joined);
      const { data: made } = await admin.POST('/api/v1/vms', {
        body: {
          ...{ host: joined, name: 'web-1', memoryMiB: 160, start: true },
          ...{ disks: [{ image: 'tiny-linux' }], nics: [{ network: 'default' }] },
        },
        params: { header: waiting },
      });
      const vmId = requireSuccess(made).vmId!;
      // The guest has asked for it, so that it has booted.
      const running = await vmWhen(admin, vmId, ({ nics }) => nics[0]!.addresses.length > 0, patienceMs);
      expect(running.state).toBe('running');
      const { data: archive } = await eventually(
        () => admin.GET('/api/v1/archives/{vmId}', { params: { path: { vmId } } }),
        patienceMs,
      );
      expect(archive.history.map(({ event }) => event)).toContain('vm.created');
      // It joins once: the same line does not keep it from starting again.
      await composition.compose(['--profile', 'kvm', 'up', '-d', '--force-recreate', 'kvm-agent'], { project, env });
      await composition.healthy();
      await isReady(joined);
      expect((await readVm(admin, vmId)).state).toBe('running');
    },
    3 * patienceMs,
  );

  it(
    'loses and doubles nothing while MariaDB and NATS are restarted under load',
    async () => {
      await composition.compose(['--profile', 'vmware-simulator', 'up', '-d']);
      await isReady(local);
      const wanted: string[] = [];
      let isOver = false;
      /** As a client does that was cut off: the same request again, by the same key. */
      const make = async (name: string) => {
        const header = { 'Idempotency-Key': randomUUID() };
        const body = { host: local, name, disks: [{ sizeGiB: 1 }] };
        const accepted = await eventually(
          async () => (await admin.POST('/api/v1/vms', { body, params: { header } })).data,
          patienceMs,
        );
        const ended = await operationWhen(admin, accepted.id, hasEnded, patienceMs);
        requireSuccess(ended);
      };
      const worker = async (letter: string) => {
        for (let n = 1; !isOver; n += 1) {
          const name = `${letter}-${n}`;
          wanted.push(name);
          await make(name);
        }
      };
      const work = Promise.all(['a', 'b'].map(worker));
      const isFurther = async () => {
        const begun = wanted.length;
        await Promise.race([work, eventually(() => expect(wanted.length).toBeGreaterThan(begun + 1), patienceMs)]);
      };
      for (const service of ['database', 'nats']) {
        await isFurther();
        await composition.compose(['restart', service]);
        await isFurther();
      }
      isOver = true;
      await work;
      await eventually(async () => expect(await names(local)).toEqual([...wanted].sort()), patienceMs);
      await composition.healthy();
    },
    3 * patienceMs,
  );

  it(
    'is backed up into a file, and is all there when that is restored into nothing',
    async () => {
      const before = { simulated: await names(local), joined: await names(joined) };
      const file = join(composition.folder, 'polyvirt.tar');
      const backup = (what: string) =>
        run('sh', [join(root, 'deploy/backup.sh'), what, file], {
          env: { ...composition.env, COMPOSE_PROJECT_NAME: 'polyvirt' },
          timeoutMs: patienceMs,
        });
      const profiles = ['--profile', 'vmware-simulator'];
      await expect(backup('backup')).rejects.toThrow('polyvirt runs: stop it first');
      await composition.compose([...profiles, 'stop']);
      await backup('backup');
      await expect(backup('restore')).rejects.toThrow('polyvirt has volumes: have them forgotten first');
      await composition.compose([...profiles, 'down', '--volumes']);
      await backup('restore');
      await composition.compose([...profiles, 'up', '-d']);
      await composition.healthy();
      // By the same password and authority: the same client.
      await isReady(local);
      // The host of another machine has never noticed, but that it was away.
      await isReady(joined);
      await eventually(async () => {
        expect({ simulated: await names(local), joined: await names(joined) }).toEqual(before);
      }, patienceMs);
    },
    3 * patienceMs,
  );

  it('is started as README says', () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    const told = [...readme.matchAll(/docker-compose ((?:build|up|run|--profile)[^&#\n]*)/g)].map(([, args]) => args!.trim());
    expect(told.length).toBeGreaterThan(3);
    expect([...composition.commands]).toEqual(expect.arrayContaining(told));
  });
});
