import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { get as request, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import {
  GuestReport,
  NativeDefinition,
  type Host,
  type Image,
  type Page,
  type Problem,
  type Snapshot,
  type StatsSummary,
  type Vm,
} from '@polyvirt/contracts';
import type { FakeAgent } from '../testing/fake-agent.ts';
import { TestHouse } from '../testing/test-house.ts';

const snapshot = (id: string, name: string, createdAt: string): Snapshot => ({
  ...{ id, name, parent: null, current: false, memory: false, state: 'stopped' },
  createdAt,
});

describe('what can be read', () => {
  let house: TestHouse;
  let agent: FakeAgent;
  let other: FakeAgent;
  let url: string;
  beforeAll(async () => {
    house = await TestHouse.start({ hosts: ['kvm-a', 'vmware-b'] });
    agent = await house.startAgent('kvm-a', {
      images: ['b', 'a', 'a', 'c'].map((name, n): Image => ({ name, kind: n === 1 ? 'iso' : 'disk' })),
    });
    other = await house.startAgent('vmware-b', { hypervisor: 'vmware' });
    await agent.show('one', {
      ...{ state: 'running', name: 'web, first' },
      snapshots: [
        snapshot('2', 'twin', '2026-01-02T00:00:00Z'),
        snapshot('1', 'before', '2026-01-01T00:00:00Z'),
        snapshot('3', 'twin', '2026-01-03T00:00:00Z'),
        snapshot('before', '1', '2026-01-04T00:00:00Z'),
      ],
    });
    await agent.show('two', { state: 'paused', name: '"mail"' });
    await agent.show('three', { state: 'stopped' });
    await other.show('four', { state: 'running', hypervisor: 'vmware' });
    await eventually(async () => expect(await ids('')).toHaveLength(4));
    await eventually(async () => {
      for (const host of ['kvm-a', 'vmware-b'])
        expect((await house.call<Host>('GET', `/hosts/${host}`)).body.state).toBe('ready');
    });
    for (const [id, labels] of Object.entries({ one: { env: 'test', tier: 'web' }, two: { env: 'test' } }))
      await house.ask('PATCH', `/vms/kvm-a~${id}`, { labels });
    await house.gateway.app.listen(0, '127.0.0.1');
    url = await house.gateway.app.getUrl();
  });
  afterAll(() => house.stop());

  const ids = async (query: string) =>
    (await house.call<Page<Vm>>('GET', `/vms?${query}`)).body.items.map(({ nativeId }) => nativeId).sort();

  it('comes with a cursor, whatever list it is: every item once, in parts of any size', async () => {
    const keysOf = (page: Page<unknown>) => page.items.map((item) => JSON.stringify(item));
    const lists = [
      ['/hosts', 2],
      ['/hosts/kvm-a/images', 4],
      ['/hosts/kvm-a/networks', 1],
      ['/hosts/kvm-a/templates', 0],
      ['/vms', 4],
      ['/vms/kvm-a~one/snapshots', 4],
      ['/operations', 2],
      ['/users', 1],
      ['/tokens', 0],
    ] as const;
    for (const [path, count] of lists) {
      const whole = keysOf((await house.call<Page<unknown>>('GET', path)).body);
      expect([path, whole.length]).toEqual([path, count]);
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const query = cursor === undefined ? '' : `&cursor=${cursor}`;
        const { body } = await house.call<Page<unknown>>('GET', `${path}?limit=1${query}`);
        seen.push(...keysOf(body));
        cursor = body.nextCursor;
      } while (cursor !== undefined);
      expect([path, seen]).toEqual([path, whole]);
    }
    const images = await house.call<Page<Image>>('GET', '/hosts/kvm-a/images?limit=1');
    const strange = await house.call<Problem>('GET', `/hosts/vmware-b/images?cursor=${images.body.nextCursor}`);
    expect(strange.body).toMatchObject({ code: 'invalid-input', errors: [{ pointer: 'cursor' }] });
  });

  it.each([
    ['state=running,paused', ['four', 'one', 'two']],
    ['state=running&state=paused', ['four', 'one', 'two']],
    ['state=paused', ['two']],
    ['host=kvm-a,vmware-b&state=running', ['four', 'one']],
    ['host=nowhere', []],
    ['host=nowhere,vmware-b', ['four']],
    ['hypervisor=vmware,nutanix', ['four']],
    [`name=${encodeURIComponent('web\\, first')},three`, ['one', 'three']],
    [`name=${encodeURIComponent('"mail"')}`, ['two']],
    ['label=env=test', ['one', 'two']],
    ['label=env=test,tier', ['one']],
    ['label=env=test&label=tier=web', ['one']],
  ])('is found by %s', async (query, expected) => {
    expect(await ids(query)).toEqual(expected);
    const { body } = await house.call<StatsSummary>('GET', `/stats/summary?${query}`);
    expect([query, body.vms.total]).toEqual([query, expected.length]);
    // JSON has no parameter to repeat; it gives a list.
    const given = new URLSearchParams(query);
    const filter = Object.fromEntries(
      [...new Set(given.keys())].map((name) => {
        const values = given.getAll(name);
        return [name, values.length > 1 ? values : values[0]];
      }),
    );
    const batch = await house.ask('POST', '/vms/batch', { filter, action: 'reset' });
    const parts = await house.call<Page<{ vmId: string }>>('GET', `/operations?parent=${batch.body.id}`);
    expect(parts.body.items.map(({ vmId }) => vmId.split('~')[1]).sort()).toEqual(expected);
  });

  it('is counted with the hosts of a filter', async () => {
    const { body } = await house.call<StatsSummary>('GET', '/stats/summary?hypervisor=kvm&state=stopped');
    expect(body).toMatchObject({
      hosts: { total: 1, ready: 1 },
      vms: { total: 1, byState: { stopped: 1, running: 0 } },
    });
    expect((await house.call<Problem>('GET', '/stats/summary?state=on')).status).toBe(400);
  });

  it('takes several values in the filters of what has happened', async () => {
    const list = async (query: string) =>
      (await house.call<Page<{ vmId: string }>>('GET', `/operations?verb=vm.reconfigure,vm.annotate&${query}`)).body
        .items.length;
    const all = await list('');
    expect(await list('vm=kvm-a~one,kvm-a~two')).toBe(all);
    expect(await list('vm=kvm-a~one')).toBeLessThan(all);
    expect(await list('host=nowhere')).toBe(0);
    const actions = await house.call<Page<{ action: string }>>('GET', '/audit?action=auth.login,vm.reconfigure');
    expect(new Set(actions.body.items.map(({ action }) => action)).has('auth.login')).toBe(true);
    expect((await house.call<Page<unknown>>('GET', '/audit?outcome=refused,failed')).status).toBe(200);
  });

  it('answers with 304 whoever has it already', async () => {
    for (const path of ['/vms/kvm-a~one', '/vms', '/hosts/kvm-a/images', '/users', '/openapi.json']) {
      const first = await house.call('GET', path);
      const { etag } = first.headers;
      expect([path, etag]).toEqual([path, expect.stringMatching(/^(?:W\/)?"[^"]+"$/)]);
      for (const has of [etag!, `"other", ${etag}`, `W/${etag!.replace('W/', '')}`, '*']) {
        const again = await house.call('GET', path, undefined, { 'if-none-match': has });
        expect([path, has, again.status, again.text]).toEqual([path, has, 304, '']);
        expect(again.headers.etag).toBe(etag);
      }
      const changed = await house.call('GET', path, undefined, { 'if-none-match': '"other"' });
      expect([path, changed.status, changed.text]).toEqual([path, 200, first.text]);
    }
    const [one, four] = [await house.call('GET', '/vms?state=running'), await house.call('GET', '/vms?state=paused')];
    expect(one.headers.etag).not.toBe(four.headers.etag);
    const missing = await house.call('GET', '/vms/kvm-a~nobody', undefined, { 'if-none-match': '*' });
    expect(missing.status).toBe(404);
  });

  it('is changed by any of a list of ETags, weakened by a proxy or not', async () => {
    const { etag } = (await house.call('GET', '/vms/kvm-a~three')).headers;
    const edit = (ifMatch: string, notes: string) =>
      house.ask('PATCH', '/vms/kvm-a~three', { notes }, { 'if-match': ifMatch });
    expect((await edit('"1-1", W/"2-2"', 'a')).status).toBe(412);
    expect((await edit(`"1-1", W/${etag}`, 'b')).status).toBe(200);
  });

  const fetch = (path: string, headers: Record<string, string>) =>
    new Promise<{ answer: IncomingMessage; bytes: Buffer }>((resolve, reject) => {
      const authorization = `Bearer ${house.token}`;
      const sent = request(`${url}${path}`, { headers: { authorization, ...headers } }, (answer) => {
        const chunks: Buffer[] = [];
        if (answer.headers['content-type']?.startsWith('text/event-stream')) {
          resolve({ answer, bytes: Buffer.alloc(0) });
          sent.destroy();
          return;
        }
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.once('end', () => resolve({ answer, bytes: Buffer.concat(chunks) }));
        answer.once('error', reject);
      });
      sent.once('error', reject);
    });

  it('is compressed for who takes that, but for streams and what is short', async () => {
    const path = '/api/v1/vms';
    const plain = await fetch(path, {});
    expect(plain.answer.headers['content-encoding']).toBeUndefined();
    for (const [accepts, encoding, decompress] of [
      ['gzip', 'gzip', gunzipSync],
      ['gzip, deflate, br', 'br', brotliDecompressSync],
      ['br;q=0, gzip', 'gzip', gunzipSync],
    ] as const) {
      const { answer, bytes } = await fetch(path, { 'accept-encoding': accepts });
      expect([accepts, answer.headers['content-encoding']]).toEqual([accepts, encoding]);
      expect(answer.headers.vary).toMatch(/accept-encoding/i);
      expect(decompress(bytes)).toEqual(plain.bytes);
      expect(answer.headers.etag).toBe(plain.answer.headers.etag);
    }
    const short = await fetch('/healthz', { 'accept-encoding': 'gzip' });
    expect(short.answer.headers['content-encoding']).toBeUndefined();
    const stream = await fetch('/api/v1/events', { 'accept-encoding': 'gzip, br' });
    expect(stream.answer.headers['content-encoding']).toBeUndefined();
  });

  it('is asked of the host now: the guest, and the definition of the VM', async () => {
    const guest = await house.call<GuestReport>('GET', '/vms/kvm-a~one/guest');
    expect(GuestReport.parse(guest.body)).toEqual({ agent: true, hostname: 'one', addresses: ['192.0.2.7'] });
    const definition = await house.call<NativeDefinition>('GET', '/vms/kvm-a~three/definition');
    expect(NativeDefinition.parse(definition.body)).toMatchObject({ format: 'libvirt-xml' });
    const refusals = [
      ['/vms/kvm-a~three/guest', 409, 'wrong-state'],
      ['/vms/kvm-a~nobody/guest', 404, 'vm-not-found'],
      ['/vms/kvm-a~nobody/definition', 404, 'vm-not-found'],
    ] as const;
    for (const [path, status, code] of refusals) {
      const answer = await house.call<Problem>('GET', path);
      expect([path, answer.status, answer.body.code]).toEqual([path, status, code]);
    }
  });

  it('names a snapshot by its id, or by its name where that is the only one', async () => {
    const revert = (name: string) => house.ask('POST', `/vms/kvm-a~one/snapshots/${name}/revert`);
    expect((await revert('2')).status).toBe(200);
    // An id goes before a name.
    for (const known of ['1', 'before', '3']) expect([known, (await revert(known)).status]).toEqual([known, 200]);
    expect((await revert('twin')).body).toMatchObject({
      code: 'invalid-input',
      detail: expect.stringContaining('2, 3'),
    });
    expect((await revert('none')).body).toMatchObject({ code: 'snapshot-not-found' });
    await agent.show('two', { snapshots: [snapshot('7', 'only', '2026-01-01T00:00:00Z')] });
    await eventually(async () => expect((await house.vm('kvm-a~two')).snapshotCount).toBe(1));
    expect((await house.ask('DELETE', '/vms/kvm-a~two/snapshots/only')).status).toBe(200);
    expect(agent.inputs.at(-1)).toMatchObject({ snapshot: '7' });
  });

  it('lies at /docs with a slash at the end, too', async () => {
    const { answer } = await fetch('/docs/', {});
    expect([answer.statusCode, answer.headers.location]).toEqual([308, '/docs']);
  });
});
