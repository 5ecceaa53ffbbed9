import { describe, expect, it } from '@jest/globals';
import { DriverVm } from '@polyvirt/contracts';
import { objectAt, objectsAt, type JsonObject } from '../client/json.ts';
import { goldenVm } from '../testing/golden.ts';
import { disguised, oddVms, randomVm } from '../testing/odd-vms.ts';
import { addressesOf, guestOf, readVm, stateOf, UnreadableEntityError } from './vm-reader.ts';

const read = (vm = goldenVm()) => DriverVm.parse(readVm(vm, () => undefined, []));
const statusOf = (vm: ReturnType<typeof goldenVm>) => objectAt(objectAt(vm, 'status'), 'resources');

describe('a VM of Prism', () => {
  it('is read to the letter', () => {
    expect(read()).toEqual({
      nativeId: 'aaaaaaaa-0001-4000-8000-000000000001',
      name: 'web-01',
      state: 'stopped',
      cpus: 1,
      memoryMiB: 1024,
      firmware: 'uefi',
      bootOrder: ['cdrom', 'disk', 'network'],
      disks: [{ device: 'scsi:0', sizeGiB: 8 }],
      nics: [{ mac: '50:6b:8d:00:00:01', network: 'vlan10', addresses: ['10.0.0.50'], connected: true }],
      template: false,
      snapshots: [],
      createdAt: '2025-06-07T18:23:52.000Z',
    });
  });

  it.each<[string, JsonObject[], string | null | undefined]>([
    ['no drive', [], undefined],
    ['an empty drive', [{}], null],
    ['an image', [{ data_source_reference: { kind: 'image', uuid: 'a' } }], 'alpine'],
    ['an image that Prism names', [{ data_source_reference: { kind: 'image', uuid: 'b', name: 'debian' } }], 'debian'],
    ['an image that is gone', [{}, { data_source_reference: { kind: 'image', uuid: 'c' } }], 'c'],
    ['what Prism wrote for the guest', [{ disk_size_bytes: 374_784 }], undefined],
  ])('has %s', (_, drives, expected) => {
    const vm = goldenVm();
    const device_properties = { device_type: 'CDROM' };
    statusOf(vm)['disk_list'] = drives.map((drive) => ({ ...drive, device_properties }));
    const imageName = (uuid: string) => (uuid === 'a' ? 'alpine' : undefined);
    expect(readVm(vm, () => undefined, [], imageName).cdrom).toBe(expected);
  });

  it.each([
    ['ON', 'running'],
    ['OFF', 'stopped'],
    ['PAUSED', 'paused'],
    ['SUSPENDED', 'suspended'],
    ['UNKNOWN', 'unknown'],
    [undefined, 'unknown'],
  ])('with the power state %s is %s', (power, state) => {
    const vm = goldenVm();
    statusOf(vm)['power_state'] = power;
    expect(stateOf(vm)).toBe(state);
  });

  it('is off while it is being made, whatever power was asked for', () => {
    const vm = goldenVm();
    objectAt(vm, 'status')['state'] = 'PENDING';
    statusOf(vm)['power_state'] = 'ON';
    expect(stateOf(vm)).toBe('stopped');
    statusOf(vm)['host_reference'] = { kind: 'host', uuid: 'ffffffff-0001-4000-8000-000000000001', name: '10.0.0.11' };
    expect(stateOf(vm)).toBe('running');
  });

  it.each([
    [{ num_sockets: 2, num_vcpus_per_socket: 4 }, 8],
    [{ num_sockets: 2, num_vcpus_per_socket: 2, num_threads_per_core: 2 }, 8],
    [{ num_sockets: 3, num_vcpus_per_socket: null, num_threads_per_core: undefined }, 3],
    [{ num_sockets: null }, undefined],
    [{ num_sockets: 0 }, undefined],
    [{ num_sockets: 2, num_vcpus_per_socket: 'two' }, undefined],
    [{ num_sockets: 2, num_threads_per_core: 0.5 }, undefined],
  ])('with %j has the CPUs that its guest sees: %s', (facts, cpus) => {
    const vm = goldenVm();
    Object.assign(statusOf(vm), facts);
    expect(read(vm).cpus).toBe(cpus);
    if (cpus === undefined) expect(read(vm)).not.toHaveProperty('cpus');
  });

  it.each([[null], [0], [-1], ['1024'], [undefined]])('with %j MiB of memory has an unknown amount', (memory) => {
    const vm = goldenVm();
    statusOf(vm)['memory_size_mib'] = memory;
    expect(read(vm)).not.toHaveProperty('memoryMiB');
  });

  it.each([
    [null, undefined],
    [{}, 'bios'],
    [{ boot_type: 'LEGACY' }, 'bios'],
    [{ boot_type: 'SECURE_BOOT' }, 'uefi'],
    [{ boot_type: 'OF_A_LATER_RELEASE' }, undefined],
  ])('that boots by %j has the firmware %s', (boot, firmware) => {
    const vm = goldenVm();
    statusOf(vm)['boot_config'] = boot;
    expect(read(vm).firmware).toBe(firmware);
  });

  it('does not take what was asked for as its state', () => {
    const vm = goldenVm();
    objectAt(objectAt(vm, 'spec'), 'resources')['power_state'] = 'ON';
    objectAt(vm, 'status')['resources'] = {};
    expect(read(vm)).toMatchObject({ state: 'unknown', cpus: 1, memoryMiB: 1024 });
  });

  it.each([['yesterday'], [null], [7], ['']])('was made at an unknown time when Prism says %j', (time) => {
    const vm = goldenVm();
    objectAt(vm, 'metadata')['creation_time'] = time;
    expect(read(vm)).not.toHaveProperty('createdAt');
  });

  it('has devices of names that are its own, and sizes that are known or absent', () => {
    const { disks } = read(oddVms()['with odd disks']);
    expect(disks).toEqual([
      { device: 'scsi:0', sizeGiB: 1 },
      { device: 'disk:00000005-1111-4111-8111-111111111111' },
      { device: 'disk:00000006-1111-4111-8111-111111111111' },
      { device: 'disk:#5', sizeGiB: 0.006836 },
    ]);
  });

  it('shows MAC addresses in one form, and no address that leads nowhere', () => {
    expect(read(oddVms()['with odd interfaces']).nics).toEqual([
      { mac: '50:6b:8d:aa:00:01', addresses: [], connected: false },
      { mac: '50:6b:8d:aa:00:02', addresses: ['10.20.0.5', '2001:db8::5'] },
    ]);
  });

  it('is read, whatever is odd about it, and has nothing twice', () => {
    const odd = [...Object.values(oddVms()), ...Array.from({ length: 500 }, (_, seed) => randomVm(seed))];
    for (const vm of odd) {
      const { disks, nics } = read(vm);
      expect(new Set(disks.map(({ device }) => device)).size).toBe(disks.length);
      for (const { sizeGiB = 1 } of disks) {
        expect(sizeGiB).toBeGreaterThan(0);
        expect(sizeGiB).toBeLessThan(2 ** 40);
      }
      for (const { mac, addresses } of nics) {
        if (mac !== undefined) expect(mac).toMatch(/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/);
        for (const address of addresses)
          expect(['10.0.0.9', '2001:db8::7', '10.20.0.5', '2001:db8::5', '10.0.0.50']).toContain(address);
      }
    }
  });

  it.each([
    [{ spec: { resources: null }, status: { resources: 'none' } }],
    [{ spec: '', status: { state: 'ERROR', resources: null } }],
    [{ spec: null, status: null }],
  ])('of which Prism says %j cannot be read', (look) => {
    expect(() => readVm(disguised(look as JsonObject), () => undefined, [])).toThrow(UnreadableEntityError);
  });

  it('has no disk where it has a CD-ROM or a volume group', () => {
    const vm = goldenVm();
    const kinds = ['CDROM', 'VOLUME_GROUP'].map((device_type) => ({ device_properties: { device_type } }));
    statusOf(vm)['disk_list'] = kinds;
    expect(read(vm).disks).toEqual([]);
  });

  it('shows no address that leads nowhere, and none twice', () => {
    const [nic] = objectsAt(statusOf(goldenVm()), 'nic_list');
    const ips = ['169.254.3.4', '10.0.0.7', '10.0.0.7', 'fe80::1'];
    nic!['ip_endpoint_list'] = ips.map((ip) => ({ ip, type: 'LEARNED' }));
    expect(addressesOf(nic!)).toEqual(['10.0.0.7']);
  });

  it('names a network by its subnet where Prism does not', () => {
    const vm = goldenVm();
    objectsAt(statusOf(vm), 'nic_list')[0]!['subnet_reference'] = { kind: 'subnet', uuid: 'b' };
    expect(readVm(vm, (uuid) => (uuid === 'b' ? 'vlan20' : undefined), []).nics[0]!.network).toBe('vlan20');
    expect(readVm(vm, () => undefined, []).nics[0]!.network).toBe('b');
  });

  it('has a guest agent when its tools are enabled and answer', () => {
    const tools = (facts: object) => guestOf({ guest_tools: { nutanix_guest_tools: facts } });
    expect(guestOf({})).toBeUndefined();
    expect(tools({ state: 'DISABLED', is_reachable: true })).toBeUndefined();
    expect(tools({ state: 'ENABLED' })).toEqual({ agent: false });
    const os = 'linux:64:Ubuntu:24.04';
    expect(tools({ state: 'ENABLED', is_reachable: true, guest_os_version: os })).toEqual({ os, agent: true });
  });

  it('is read in part when Prism shows but a part', () => {
    expect(read({ metadata: { uuid: 'a' }, spec: { name: 'x', resources: {} } })).toEqual({
      nativeId: 'a',
      name: 'x',
      state: 'unknown',
      disks: [],
      nics: [],
      template: false,
      snapshots: [],
    });
  });
});
