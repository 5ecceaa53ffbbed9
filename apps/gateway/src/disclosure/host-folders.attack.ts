import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import { makeEvent, publishEvent } from '@polyvirt/bus';
import {
  archiveUpdated,
  permissions,
  ProblemError,
  vmCreated,
  type Archive,
  type CreatedToken,
  type HostRecord,
  type Operation,
  type VmRecord,
} from '@polyvirt/contracts';
import { io } from 'socket.io-client';
import { EventFeed } from '../events/event-feed.ts';
import { allCapabilities, type FakeAgent } from '../testing/fake-agent.ts';
import { TestHouse } from '../testing/test-house.ts';

/** In the name of every folder of this host, and of nothing else. */
const mark = 'cellar of the house';
const folder = `/srv/${mark}/pool`;
const inWords = (file: string) => `It cannot open ${folder}/${file}, nor "C:\\${mark}\\vms\\${file}".`;

const host: Partial<HostRecord> = {
  notes: [inWords('note')],
  images: [{ name: 'tiny-linux', kind: 'disk', path: `${folder}/tiny-linux.qcow2` }],
  volumes: [{ id: 'volume', name: 'volume', path: `${folder}/volume.qcow2` }],
  capabilities: { ...allCapabilities, guest: { available: false, reason: inWords('agent') } },
};
const vm: Partial<VmRecord> = {
  state: 'stopped',
  disks: [{ device: 'vda', sizeGiB: 1, path: `${folder}/web.qcow2` }],
  cdrom: `${folder}/rescue.iso`,
  unreadable: inWords('web.vmx'),
};
const nativeId = 'web';
const vmId = `kvm-a~${nativeId}`;

interface Caller {
  readonly name: string;
  readonly token?: string;
  /** Where the others are from. */
  readonly headers?: Record<string, string>;
}

describe('somebody who may only look', () => {
  let house: TestHouse;
  let agent: FakeAgent;
  let failed: Operation;
  let url: string;
  const routes: { method: string; path: string }[] = [];
  const callers: Caller[] = [];

  beforeAll(async () => {
    house = await TestHouse.start({ environment: { POLYVIRT_COMPAT_READ_NETWORKS: '127.0.0.0/8' } });
    agent = await house.startAgent('kvm-a', host);
    agent.folder = folder;
    agent.health = { status: 'healthy', detail: inWords('socket') };
    agent.steps = [
      { name: 'start', status: 'failed', startedAt: new Date().toISOString(), native: `run "${folder}/web.vmx"` },
    ];
    await agent.show(nativeId, vm, vmCreated);
    const archive: Archive = {
      ...{ vmId, name: nativeId, folder: '2026-11-30_web', path: `${folder}/2026-11-30_web` },
      ...{ createdAt: '2026-11-30T10:00:00Z', updatedAt: '2026-11-30T10:00:00Z' },
      ...{ files: [{ path: 'README.md', bytes: 1 }], history: [] },
    };
    const [source, data] = ['/hosts/kvm-a/organizer', { archive }];
    const event = makeEvent(archiveUpdated, { id: 'archive', source, subject: vmId, data });
    await publishEvent(await house.connect('admin'), 'kvm-a', event);
    await eventually(async () => {
      expect((await house.call('GET', `/vms/${vmId}`)).status).toBe(200);
      expect((await house.call('GET', `/archives/${vmId}`)).status).toBe(200);
      expect((await house.call('GET', '/hosts/kvm-a')).text).toContain('socket');
    });
    agent.failures.set('vm.start', new ProblemError('host-rejected', inWords('lock')));
    failed = (await house.ask('POST', `/vms/${vmId}/start`)).body;
    expect(failed.status).toBe('failed');
    agent.foreseen.set('vm.start', new ProblemError('host-rejected', inWords('plan')));

    await house.gateway.app.listen(0, '127.0.0.1');
    url = await house.gateway.app.getUrl();
    const { paths } = (await house.call<{ paths: Record<string, object> }>('GET', '/openapi.json')).body;
    for (const [path, methods] of Object.entries(paths))
      for (const method of Object.keys(methods)) routes.push({ method: method.toUpperCase(), path });
    const body = {
      name: 'everything else',
      scopes: permissions.filter((scope) => scope !== 'host:files'),
      expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
    };
    const { secret } = (await house.call<CreatedToken>('POST', '/tokens', body)).body;
    callers.push(
      { name: 'a viewer', token: await house.gateway.as('viewer') },
      { name: 'a token of an admin for everything else', token: secret },
      { name: 'a machine that may read without a token' },
    );
  });
  afterAll(() => house.stop());

  const addressOf = (path: string): string => {
    const ids: Record<string, string> = {
      ...{ vmId, hostId: 'kvm-a', name: nativeId, operationId: failed.id, path: 'README.md' },
      ...{ id: '5f0c2b1e-8a44-4d0b-9a55-2f1d6c3e7b90', snapshot: 'x', device: 'vda', volume: 'volume' },
      mac: '52:54:00:00:00:01',
    };
    return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(ids[name]!));
  };
  /** Everything that can be read, and a change that its host refuses beforehand; a stream has no end. */
  const questions = () => [
    ...routes
      .filter(({ method, path }) => method === 'GET' && path !== '/api/v1/events')
      .map(({ path }) => ({ method: 'GET', url: addressOf(path) })),
    { method: 'GET', url: `/api/v1/vms/${vmId}?fresh=true` },
    { method: 'POST', url: `/api/v1/vms/${vmId}/start?dryRun=true` },
    { method: 'POST', url: `/vm/${nativeId}/start` },
  ];
  async function disclosedTo({ token }: Caller): Promise<string[]> {
    const found: string[] = [];
    for (const question of questions()) {
      const { text } = await house.gateway.call(question.method, question.url, {
        ...(token !== undefined && { token }),
      });
      if (text.includes('cellar')) found.push(`${question.method} ${question.url}`);
    }
    return found;
  }

  it('is told of no folder of a host by any route; who may do something there is, by these', async () => {
    for (const caller of callers) expect([caller.name, await disclosedTo(caller)]).toEqual([caller.name, []]);
    for (const token of [house.token, await house.gateway.as('operator')])
      expect((await disclosedTo({ name: 'somebody else', token })).sort()).toEqual(
        [
          ...['GET /api/v1/archives', `GET /api/v1/archives/${encodeURIComponent(vmId)}`],
          ...['GET /api/providers/status', 'GET /api/v1/providers/status'],
          ...['GET /api/v1/hosts', 'GET /api/v1/hosts/kvm-a'],
          ...['GET /api/v1/hosts/kvm-a/images', 'GET /api/v1/hosts/kvm-a/volumes'],
          ...['GET /api/v1/operations', `GET /api/v1/operations/${failed.id}`],
          ...['GET /api/v1/vms', `GET /api/v1/vms/${encodeURIComponent(vmId)}`],
          ...['definition', 'guest'].map((what) => `GET /api/v1/vms/${encodeURIComponent(vmId)}/${what}`),
          ...[`GET /api/v1/vms/${vmId}?fresh=true`, `GET /vm/${nativeId}`],
          ...[`POST /api/v1/vms/${vmId}/start?dryRun=true`, `POST /vm/${nativeId}/start`],
        ].sort(),
      );
  });

  it('is told what the files are called', async () => {
    const [{ token }] = callers as [Required<Caller>];
    const { body } = await house.gateway.call<VmRecord>('GET', `/api/v1/vms/${vmId}`, { token });
    expect(body).toMatchObject({
      disks: [{ device: 'vda', sizeGiB: 1, path: '…/web.qcow2' }],
      unreadable: 'It cannot open …/web.vmx, nor "…/web.vmx".',
    });
  });

  it('reads no file of an archive, which may be a copy of a disk', async () => {
    const file = `/api/v1/archives/${vmId}/files/README.md`;
    for (const { token } of callers) {
      const answer = await house.gateway.call('GET', file, { ...(token !== undefined && { token }) });
      expect([401, 403]).toContain(answer.status);
    }
    expect((await house.call('GET', file.slice('/api/v1'.length))).status).not.toBe(403);
  });

  /** Everything that has happened, as server-sent events. */
  async function streamTo(token: string): Promise<string> {
    const { last } = house.gateway.app.get(EventFeed).window;
    const leaving = new AbortController();
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${url}/api/v1/events?since=0`, { headers, signal: leaving.signal });
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.includes(`id: ${last}\n`) && text.endsWith('\n\n')) break;
    }
    leaving.abort();
    return text;
  }

  /** The same over Socket.IO. */
  async function liveTo(token: string): Promise<string> {
    const { last } = house.gateway.app.get(EventFeed).window;
    const socket = io(url, { transports: ['websocket'], reconnection: false, forceNew: true, auth: { token } });
    let text = '';
    const all = new Promise<void>((resolve) =>
      socket.on('event', (message: { cursor: string }) => {
        text += JSON.stringify(message);
        if (Number(message.cursor) >= last) resolve();
      }),
    );
    await socket.timeout(30_000).emitWithAck('subscribe', { topics: ['events'], since: '0' });
    await all;
    socket.disconnect();
    return text;
  }

  it.each([
    ['server-sent events', streamTo],
    ['a live connection', liveTo],
  ])('is told of none by %s', async (_, read) => {
    for (const { token } of callers) {
      if (token === undefined) continue;
      const text = await read(token);
      expect(text).toContain('…/web.qcow2');
      expect(text).not.toContain('cellar');
    }
    const whole = await read(house.token);
    for (const type of ['vm.created', 'operation.failed', 'archive.updated']) expect(whole).toContain(type);
    expect(whole).toContain(mark);
  });
});
