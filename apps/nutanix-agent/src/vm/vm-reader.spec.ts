import { describe, expect, it } from '@jest/globals';
import { DriverVm } from '@polyvirt/contracts';
import { objectAt, objectsAt } from '../client/json.ts';
import { goldenVm } from '../testing/golden.ts';
import { addressesOf, guestOf, readVm, stateOf } from './vm-reader.ts';

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
      disks: [{ device: 'scsi:0', sizeGiB: 8 }],
      nics: [{ mac: '50:6b:8d:00:00:01', network: 'vlan10', addresses: ['10.0.0.50'] }],
      snapshots: [],
      createdAt: '2025-06-07T18:23:52.000Z',
    });
  });

  it.each([
    ['ON', 'running'],
    ['OFF', 'stopped'],
    ['PAUSED', 'paused'],
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

  it('has as many CPUs as its sockets have cores', () => {
    const vm = goldenVm();
    Object.assign(statusOf(vm), { num_sockets: 2, num_vcpus_per_socket: 4 });
    expect(read(vm).cpus).toBe(8);
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
    expect(read({ metadata: { uuid: 'a' }, spec: { name: 'x' } })).toMatchObject({
      name: 'x',
      state: 'unknown',
      cpus: 0,
    });
  });
});
