import { describe, expect, it } from '@jest/globals';
import { NicInput, ProblemError } from '@polyvirt/contracts';
import type { JsonObject } from '../client/json.ts';
import { Pages } from '../client/paging.ts';
import { PrismError } from '../client/prism-error.ts';
import type { PrismClient } from '../client/prism-client.ts';
import type { Tasks } from '../client/tasks.ts';
import { Clusters } from '../clusters.ts';
import { Hosts } from '../hosts.ts';
import { Networks } from '../networks.ts';
import { Vms } from '../vm/vms.ts';
import { Placement, type NicWish } from './placement.ts';

const [a, b] = ['0006aaaa-0000-0000-0000-00000000c001', '0006aaaa-0000-0000-0000-00000000c002'];
const id = (index: number) => `bbbbbbbb-000${index}-4000-8000-000000000001`;
const forever = new AbortController().signal;

const cluster = (uuid: string, name: string): JsonObject => ({ metadata: { uuid }, status: { name, resources: {} } });
const subnet = (index: number, name: string, on: string | undefined, net?: string): JsonObject => ({
  metadata: { uuid: id(index) },
  spec: {
    name,
    ...(on === undefined ? {} : { cluster_reference: { kind: 'cluster', uuid: on } }),
    resources: {
      subnet_type: on === undefined ? 'OVERLAY' : 'VLAN',
      ...(net === undefined
        ? {}
        : {
            ip_config: {
              subnet_ip: `${net}.1`,
              prefix_length: 24,
              default_gateway_ip: `${net}.1`,
              pool_list: [{ range: `${net}.50 ${net}.99` }],
              dhcp_server_address: { ip: `${net}.254` },
            },
          }),
    },
  },
});
const vm = (name: string, nic: JsonObject): JsonObject => ({
  metadata: { uuid: `aaaaaaaa-${name.padStart(4, '0')}-4000-8000-000000000001` },
  spec: { name },
  status: { name, resources: { nic_list: [nic] } },
});
const host = (on: string, cores: unknown, memory: unknown): JsonObject => ({
  metadata: { uuid: `${on}-${String(cores)}` },
  status: { cluster_reference: { uuid: on }, resources: { num_cpu_cores: cores, memory_capacity_mib: memory } },
});

const site: Record<string, JsonObject[]> = {
  clusters: [cluster(a, 'cluster-a'), cluster(b, 'cluster-b')],
  subnets: [
    subnet(1, 'vlan10', a, '10.1.0'),
    subnet(2, 'vlan110', b, '10.2.0'),
    subnet(3, 'both', a, '10.3.0'),
    subnet(4, 'both', b, '10.4.0'),
    subnet(5, 'overlay', undefined, '10.5.0'),
    subnet(6, 'unmanaged', a),
    subnet(7, 'twice', b, '10.7.0'),
    subnet(8, 'twice', b, '10.8.0'),
  ],
  vms: [
    vm('1', {
      mac_address: '50-6B-8D-00-00-01',
      subnet_reference: { uuid: id(1) },
      ip_endpoint_list: [{ ip: '10.1.0.60' }],
    }),
    vm('2', { mac_address: '', subnet_reference: { uuid: id(4) }, ip_endpoint_list: [{ ip: '10.1.0.61' }] }),
    { metadata: { uuid: 'odd' }, status: null, spec: null },
  ],
  hosts: [host(a, 48, 1_000), host(a, 16, 2_000), host(b, 8, 500), host(b, null, 'much')],
};

function placementOn(preferred: string | undefined = 'cluster-a', kinds: Record<string, JsonObject[] | Error> = site) {
  const v3 = async (_method: string, path: string) => {
    const entities = kinds[path.split('/')[1]!];
    if (entities instanceof Error) throw entities;
    return { entities, metadata: { total_matches: entities!.length } };
  };
  const client = { v3 } as unknown as PrismClient;
  const pages = new Pages(client);
  const clusters = new Clusters(pages, preferred);
  const vms = new Vms(client, pages, {} as Tasks, { busyMs: 0, settleMs: 0 });
  return new Placement({ networks: new Networks(pages, clusters), clusters, hosts: new Hosts(pages), vms });
}

const wish = (nics: object[], rest: Partial<NicWish> = {}): NicWish => ({
  nics: nics.map((nic) => NicInput.parse(nic)),
  at: '/nics',
  own: 'new',
  ...rest,
});
const placed = (nics: object[], rest?: Partial<NicWish>, preferred?: string) =>
  placementOn(preferred).nics(wish(nics, rest), forever);
async function refused(nics: object[], rest?: Partial<NicWish>): Promise<ProblemError> {
  const error: unknown = await placed(nics, rest).catch((reason: unknown) => reason);
  if (!(error instanceof ProblemError)) throw new Error(`it was not refused: ${JSON.stringify(error)}`);
  return error;
}

describe('interfaces', () => {
  it.each<[title: string, nics: object[], rest: Partial<NicWish>, subnets: number[], on: string]>([
    ['have their network', [{ network: 'vlan110' }], {}, [2], b],
    ['have that of the cluster of new VMs', [{ network: 'both' }], {}, [3], a],
    ['have those that are on one cluster', [{ network: 'both' }, { network: 'vlan110' }], {}, [4, 2], b],
    ['have that of the cluster of their VM', [{ network: 'both' }], { cluster: b }, [4], b],
    ['have overlays anywhere', [{ network: 'overlay' }, { network: 'vlan110' }], {}, [5, 2], b],
    ['have the one that is meant', [{ network: id(8).toUpperCase() }], {}, [8], b],
  ])('%s', async (_title, nics, rest, subnets, on) => {
    const answer = await placed(nics, rest);
    expect(answer.nics.map((nic) => nic.subnet)).toEqual(subnets.map(id));
    expect(answer.cluster).toBe(on);
  });

  it.each<[title: string, nics: object[], rest: Partial<NicWish>, pointer: string, says: RegExp]>([
    [
      'on two clusters',
      [{ network: 'vlan10' }, { network: 'vlan110' }],
      {},
      '/nics',
      /"vlan10" is on "cluster-a", "vlan110" is on "cluster-b"/,
    ],
    [
      'on another cluster than their VM',
      [{ network: 'overlay' }, { network: 'vlan110' }],
      { cluster: a, at: '/addNics' },
      '/addNics/1/network',
      /"vlan110" is on the cluster "cluster-b", and the VM is on "cluster-a"\. .*"both", "overlay", "unmanaged", "vlan10"/,
    ],
    ['of a name that two have', [{ network: 'twice' }], {}, '/nics/0/network', /Name one by its UUID/],
    [
      'with an address where none is given',
      [{ network: 'unmanaged', address: '10.1.0.5' }],
      {},
      '/nics/0/address',
      /no IP management/,
    ],
    [
      'with the gateway',
      [{ network: 'vlan10', address: '10.1.0.1' }],
      {},
      '/nics/0/address',
      /gateway .*10\.1\.0\.2 to 10\.1\.0\.254/,
    ],
    [
      'with the address of the network',
      [{ network: 'vlan10', address: '10.1.0.0' }],
      {},
      '/nics/0/address',
      /address of the network/,
    ],
    ['with the broadcast address', [{ network: 'vlan10', address: '10.1.0.255' }], {}, '/nics/0/address', /broadcast/],
    [
      'with an address from elsewhere',
      [{ network: 'vlan10', address: '172.31.7.7' }],
      {},
      '/nics/0/address',
      /is not in the network "vlan10", which is 10\.1\.0\.0\/24/,
    ],
    ['with an address of the other family', [{ network: 'vlan10', address: 'fd00::5' }], {}, '/nics/0/address', /IPv6/],
    [
      'with the address of the DHCP server',
      [{ network: 'vlan10', address: '10.1.0.254' }],
      {},
      '/nics/0/address',
      /reserved/,
    ],
    [
      'with an address in use',
      [{ network: id(1), address: '10.1.0.60' }],
      {},
      '/nics/0/address',
      /The VM "1" has the address/,
    ],
    ['with a MAC address in use', [{ network: 'vlan110', mac: '50:6B:8D:00:00:01' }], {}, '/nics/0/mac', /The VM "1"/],
    [
      'with a multicast MAC address',
      [{ network: 'vlan110', mac: '01:00:5e:00:00:01' }],
      {},
      '/nics/0/mac',
      /multicast/,
    ],
  ])('%s are refused', async (_title, nics, rest, pointer, says) => {
    const { code, message, extras } = await refused(nics, rest);
    expect(code).toBe('invalid-input');
    expect(message).toMatch(says);
    expect(extras.errors?.map((error) => error.pointer)).toEqual([pointer]);
    // A UUID helps where nothing else tells networks apart.
    if (!/twice/.test(message)) expect(message).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/);
  });

  it('may have an address that is in use elsewhere, outside the pools, or their own', async () => {
    const addresses = ['10.1.0.61', '10.1.0.200'];
    for (const address of addresses)
      expect((await placed([{ network: 'vlan10', address }])).nics).toMatchObject([{ address }]);
    const own = 'aaaaaaaa-0001-4000-8000-000000000001';
    const mac = '50:6b:8d:00:00:01';
    const nics = [{ network: 'vlan10', mac, address: '10.1.0.60' }];
    expect((await placed(nics, { own })).nics).toHaveLength(1);
    expect((await placed(nics, { own, at: '/addNics', leaving: [mac] })).nics).toHaveLength(1);
    expect((await refused(nics, { own, at: '/addNics' })).extras.errors).toHaveLength(2);
  });

  it('are not there without a network', async () => {
    expect((await refused([{ network: 'nowhere' }])).code).toBe('network-not-found');
  });
});

describe('a size', () => {
  const demand = (size: { cpus?: number; memoryMiB?: number }, on?: string) =>
    placementOn().demandRoom(size, on, forever);

  it.each([
    [{ cpus: 97 }, a, '/cpus', /97 .*96/],
    [{ memoryMiB: 2_001 }, a, '/memoryMiB', /2,001 .*2,000/],
    [{ cpus: 17 }, b, '/cpus', /17 .*16/],
    [{ memoryMiB: 501 }, b, '/memoryMiB', /501 .*500/],
  ])('of %j that no host has is refused', async (size, on, pointer, says) => {
    const error: unknown = await demand(size, on).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'insufficient-capacity', extras: { errors: [{ pointer }] } });
    expect((error as Error).message).toMatch(says);
  });

  it('that a host has is not, nor is one of which nothing is known', async () => {
    await demand({ cpus: 96, memoryMiB: 2_000 }, a);
    await demand({ cpus: 96, memoryMiB: 2_000 });
    await demand({ cpus: 9_999 }, 'elsewhere');
    const blind = placementOn(undefined, { ...site, hosts: new PrismError(403, 'ACCESS_DENIED', 'No.', 'host') });
    await blind.demandRoom({ cpus: 9_999 }, a, forever);
  });
});
