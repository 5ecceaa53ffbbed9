import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import type { Capabilities, Host, Operation, Page, Problem, StatsSummary, Vm } from '@polyvirt/contracts';
import { allCapabilities, hostRecord, type FakeAgent } from '../testing/fake-agent.ts';
import { TestHouse } from '../testing/test-house.ts';

const lack = (reason: string) => ({ available: false, reason });
const capabilities: Capabilities = {
  ...allCapabilities,
  suspend: { available: true, features: { pause: lack('AHV has no pause.') } },
  clone: { available: true, features: { linkedOfSnapshot: lack('Not of a snapshot.') } },
  snapshots: {
    available: true,
    features: { memory: lack('Disks only.'), runningWithoutMemory: lack('Stop it.'), uefi: lack('Not with UEFI.') },
  },
  reconfigure: { available: true, features: { growWithSnapshots: lack('Delete the snapshots.') } },
  networks: { available: true, features: { ipv6: lack('IPv4 only.') } },
};
const macRanges = [{ from: '00:50:56:00:00:00', to: '00:50:56:3f:ff:ff' }];
const taken = '00:50:56:00:00:01';
const [lan] = hostRecord('kvm-a').networks;

/** Everything here is known before there is an operation, so none is made. */
describe('what can never be', () => {
  let house: TestHouse;
  let agent: FakeAgent;

  const snapshot = {
    id: 's1',
    name: 's1',
    parent: null,
    current: true,
    memory: false,
    state: 'stopped' as const,
    createdAt: '2026-01-01T00:00:00.000Z',
  };

  beforeAll(async () => {
    house = await TestHouse.start({ hosts: ['kvm-a'] });
    agent = await house.startAgent('kvm-a', {
      capabilities,
      capacity: { cpus: 2, memoryMiB: 24_000 },
      limits: { userDataBytes: 1_000, macRanges },
      networks: [
        {
          ...{ ...lan!, cidr: '192.168.122.0/24', gateway: '192.168.122.1' },
          reserved: [
            { address: '192.168.122.9' },
            { address: '192.168.122.8', mac: taken },
            { address: '192.168.122.7', mac: '00:50:56:00:00:77' },
          ],
        },
        { name: 'unknown', kind: 'bridge', active: true, fixedAddresses: true },
        { name: 'outside', kind: 'bridge', active: true, fixedAddresses: false },
      ],
    });
    await eventually(async () => expect((await house.call<Host>('GET', '/hosts/kvm-a')).body.state).toBe('ready'));
    const nics = [{ mac: taken, network: 'default', addresses: ['192.168.122.60'] }];
    await agent.show('stopped', { nics });
    await agent.show('running', { state: 'running', nics: [] });
    await agent.show('uefi', { firmware: 'uefi', nics: [] });
    await agent.show('snapped', { snapshots: [snapshot], nics: [] });
    await agent.show('odd', {
      state: 'unknown',
      nics: [],
      disks: [{ device: 'vda' }],
      cpus: undefined,
      memoryMiB: undefined,
    });
    await eventually(async () => {
      expect((await house.call<Host>('GET', '/hosts/kvm-a')).body).toMatchObject({
        state: 'ready',
        totals: { vms: 5 },
      });
    });
  });
  afterAll(() => house.stop());

  const vm = (name: string) => `/vms/kvm-a~${name}`;
  const nic = (fields: object) => ({ nics: [{ network: 'default', ...fields }] });
  const added = (fields: object) => ({ network: 'default', ...fields });

  it.each<[string, string, object, number, string, string | undefined]>([
    ['POST', `${vm('stopped')}/pause`, {}, 501, 'AHV has no pause.', undefined],
    ['POST', `${vm('running')}/pause`, {}, 501, 'AHV has no pause.', undefined],
    [
      'POST',
      `${vm('snapped')}/clone`,
      { name: 'c', linked: true, snapshot: 's1' },
      501,
      'Not of a snapshot.',
      undefined,
    ],
    ['POST', `${vm('running')}/snapshots`, { name: 's', memory: true }, 501, 'Disks only.', undefined],
    ['POST', `${vm('running')}/snapshots`, { name: 's', memory: false }, 501, 'Stop it.', undefined],
    ['POST', `${vm('uefi')}/snapshots`, { name: 's' }, 501, 'Not with UEFI.', undefined],
    ['PATCH', `${vm('snapped')}/disks/vda`, { sizeGiB: 20 }, 501, 'Delete the snapshots.', undefined],
    ['POST', `${vm('stopped')}/nics`, added({ network: 'unknown', address: 'fd00::5' }), 501, 'IPv4 only.', undefined],
    ['PATCH', vm('stopped'), { cpus: 3 }, 507, '3 CPUs.*2', '/cpus'],
    ['POST', `${vm('stopped')}/nics`, added({ address: '192.168.122.1' }), 400, 'gateway', '/address'],
    ['POST', `${vm('running')}/nics`, added({ mac: taken }), 400, 'stopped', '/mac'],
    ['POST', `${vm('stopped')}/nics`, added({ mac: taken }), 400, 'stopped', '/mac'],
    ['POST', `${vm('stopped')}/nics`, added({ network: 'nope' }), 404, 'has no network', '/network'],
    ['PATCH', `${vm('stopped')}/nics/${taken}`, { address: '192.168.122.1' }, 400, 'gateway', '/address'],
    ['PATCH', `${vm('stopped')}/nics/${taken}`, { network: 'nope' }, 404, 'has no network', '/network'],
    ['PATCH', `${vm('stopped')}/nics/52:54:00:ff:ff:ff`, { connected: false }, 404, 'no interface', 'mac'],
    ['POST', `${vm('stopped')}/disks`, { image: 'nope' }, 404, 'has no disk image', '/image'],
    ['PATCH', `${vm('stopped')}/disks/vdz`, { sizeGiB: 20 }, 404, 'It has vda', 'device'],
    ['PATCH', `${vm('stopped')}/disks/vda`, { sizeGiB: 5 }, 400, 'only grows', '/sizeGiB'],
    ['PUT', `${vm('stopped')}/cdrom`, { image: 'tiny-linux' }, 404, 'has no ISO image', '/image'],
    ['POST', '/vms', { cpus: 1_024 }, 507, '1,024 CPUs.*2', '/cpus'],
    ['POST', '/vms', { memoryMiB: 9_999_999 }, 507, '9,999,999 MiB.*24,000', '/memoryMiB'],
    ['POST', '/vms', { cloudInit: { userData: 'é'.repeat(501) } }, 400, '1,002.*1,000', '/cloudInit/userData'],
    ['POST', '/vms', nic({ address: '192.168.122.255' }), 400, 'broadcast', '/nics/0/address'],
    ['POST', '/vms', nic({ address: '172.31.7.7' }), 400, '192.168.122.2 to', '/nics/0/address'],
    ['POST', '/vms', nic({ address: 'fd00::5' }), 400, 'IPv6', '/nics/0/address'],
    ['POST', '/vms', nic({ address: '192.168.122.60' }), 400, '"stopped"', '/nics/0/address'],
    ['POST', '/vms', nic({ address: '192.168.122.9' }), 400, 'reserved', '/nics/0/address'],
    ['POST', '/vms', nic({ address: '192.168.122.8' }), 400, 'reserved', '/nics/0/address'],
    ['POST', '/vms', nic({ network: 'outside', address: '10.0.0.1' }), 400, 'cannot reserve', '/nics/0/address'],
    ['POST', '/vms', nic({ mac: '01:00:5e:00:00:01' }), 400, 'multicast', '/nics/0/mac'],
    ['POST', '/vms', nic({ mac: '52:54:00:00:00:01' }), 400, '00:50:56', '/nics/0/mac'],
    ['POST', '/vms', nic({ mac: taken.toUpperCase() }), 400, '"stopped"', '/nics/0/mac'],
    ['GET', `${vm('stopped')}/metrics`, {}, 409, 'start it first', undefined],
    ['GET', `${vm('odd')}/metrics`, {}, 409, 'does not say', undefined],
  ])('%#: %s %s %j is %i', async (method, path, fields, status, detail, pointer) => {
    const body = path === '/vms' ? { host: 'kvm-a', name: 'new', ...fields } : fields;
    const operations = async () => (await house.call<Page<Operation>>('GET', '/operations')).body.items;
    const before = await operations();
    const answer = await house.call<Problem>(method, path, method === 'GET' ? undefined : body);
    expect({ status: answer.status, detail: answer.body.detail }).toEqual({
      status,
      detail: expect.stringMatching(detail),
    });
    if (pointer !== undefined) expect(answer.body.errors?.map((error) => error.pointer)).toEqual([pointer]);
    expect(await operations()).toEqual(before);
  });

  it('leaves it to the driver whether an address is free that was reserved for a VM that is gone', async () => {
    const body = { host: 'kvm-a', name: 'again', ...nic({ address: '192.168.122.7' }) };
    expect((await house.call('POST', '/vms', body)).status).toBe(202);
  });

  it('leaves out what is not known, in lists, sums, orders and for Prometheus', async () => {
    const { body } = await house.call<Page<Vm>>('GET', '/vms?sort=cpus');
    expect(body.items[0]).toMatchObject({ name: 'odd', disks: [{ device: 'vda' }] });
    for (const field of ['cpus', 'memoryMiB']) expect(body.items[0]).not.toHaveProperty(field);
    expect((await house.call<Page<Vm>>('GET', '/vms?sort=-memoryMiB')).body.items.at(-1)?.name).toBe('odd');
    await eventually(async () => {
      const summary = (await house.call<StatsSummary>('GET', '/stats/summary')).body;
      expect(summary).toMatchObject({ cpus: { allocated: 4, running: 1 }, memoryMiB: { allocated: 2_048 } });
    });
    expect((await house.call<Host>('GET', '/hosts/kvm-a')).body.totals).toMatchObject({ vms: 5, cpus: 4 });
    const { text } = await house.gateway.call('GET', '/metrics');
    expect(text).toContain('polyvirt_vm_cpus{vm="kvm-a~stopped"');
    expect(text).not.toContain('polyvirt_vm_cpus{vm="kvm-a~odd"');
  });

  it('is no change that was there already: labels, notes and protection as they are', async () => {
    const edit = async (body: object, headers = {}) =>
      (await house.call<Operation>('PATCH', vm('stopped'), body, { prefer: 'wait=60', ...headers })).body;
    const tag = async () => (await house.call('GET', vm('stopped'))).headers.etag as string;
    expect(await edit({ labels: { env: 'test' }, notes: 'n' })).toMatchObject({ status: 'succeeded', changed: true });
    const before = await tag();
    for (const same of [
      { labels: { env: 'test' } },
      { notes: 'n' },
      { protected: false },
      { labels: { env: 'test' }, notes: 'n' },
    ])
      expect(await edit(same, { 'if-match': before })).toMatchObject({ status: 'succeeded', changed: false });
    expect(await tag()).toBe(before);
    expect(await edit({ labels: {} })).toMatchObject({ changed: true });
    expect(await tag()).not.toBe(before);
  });
});
