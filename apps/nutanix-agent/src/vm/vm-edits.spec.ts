import { describe, expect, it } from '@jest/globals';
import { ProblemError } from '@polyvirt/contracts';
import { objectAt, objectsAt } from '../client/json.ts';
import { goldenVm } from '../testing/golden.ts';
import { oddVms } from '../testing/odd-vms.ts';
import { applyChanges, demandPossible, meantBy, isSo, type Changes, noChanges } from './vm-edits.ts';

const nothing = noChanges;
const mac = '50:6b:8d:00:00:01';

function applied(changes: Partial<Changes>) {
  const spec = objectAt(goldenVm(), 'spec');
  const isChanged = applyChanges(spec, { ...nothing, ...changes });
  return { spec, resources: objectAt(spec, 'resources'), isChanged };
}

describe('a change of the spec', () => {
  it('that changes nothing leaves it as it was', () => {
    const { spec, isChanged } = applied({
      name: 'web-01',
      cpus: 1,
      memoryMiB: 1024,
      disks: [{ device: 'scsi:0', sizeGiB: 8 }],
    });
    expect(isChanged).toBe(false);
    expect(spec).toEqual(objectAt(goldenVm(), 'spec'));
  });

  it('keeps what it does not know', () => {
    const { resources } = applied({ cpus: 4 });
    const { num_sockets: sockets, ...rest } = resources;
    const { num_sockets: _one, ...before } = objectAt(objectAt(goldenVm(), 'spec'), 'resources');
    expect(sockets).toBe(4);
    expect(rest).toEqual(before);
  });

  it('keeps the cores of a socket where they divide the CPUs', () => {
    const spec = objectAt(goldenVm(), 'spec');
    const resources = objectAt(spec, 'resources');
    Object.assign(resources, { num_sockets: 2, num_vcpus_per_socket: 2 });
    applyChanges(spec, { ...nothing, cpus: 6 });
    expect(resources).toMatchObject({ num_sockets: 3, num_vcpus_per_socket: 2 });
    applyChanges(spec, { ...nothing, cpus: 5 });
    expect(resources).toMatchObject({ num_sockets: 5, num_vcpus_per_socket: 1 });
    Object.assign(resources, { num_sockets: 2, num_vcpus_per_socket: 2, num_threads_per_core: 2 });
    applyChanges(spec, { ...nothing, cpus: 12 });
    expect(resources).toMatchObject({ num_sockets: 3, num_vcpus_per_socket: 2, num_threads_per_core: 2 });
    applyChanges(spec, { ...nothing, cpus: 6 });
    expect(resources).toMatchObject({ num_sockets: 6, num_vcpus_per_socket: 1, num_threads_per_core: 1 });
  });

  it('grows a disk in both of its sizes', () => {
    const [disk] = objectsAt(applied({ disks: [{ device: 'scsi:0', sizeGiB: 9 }] }).resources, 'disk_list');
    expect(disk).toMatchObject({ disk_size_mib: 9216, disk_size_bytes: 9_663_676_416 });
  });

  it('adds an interface once and removes one', () => {
    const nic = { subnet: 's', mac: '52:00:00:00:00:01' };
    const { spec, resources } = applied({ addNics: [nic], removeNics: [mac] });
    expect(objectsAt(resources, 'nic_list')).toMatchObject([{ mac_address: nic.mac, is_connected: true }]);
    expect(applyChanges(spec, { ...nothing, addNics: [nic], removeNics: [mac] })).toBe(false);
  });
});

describe('a VM', () => {
  it('is what was asked for when it is so, not when that was asked of Prism before', () => {
    const vm = goldenVm();
    objectAt(objectAt(vm, 'spec'), 'resources')['num_sockets'] = 4;
    expect(isSo(vm, { ...nothing, cpus: 4 })).toBe(false);
    expect(isSo(vm, { ...nothing, cpus: 1 })).toBe(true);
  });

  it('has the disk grown that it shows under a name, wherever that stands in its spec', () => {
    const vm = oddVms()['with odd disks']!;
    const spec = objectAt(structuredClone(vm), 'spec');
    const resources = objectAt(spec, 'resources');
    resources['disk_list'] = objectsAt(resources, 'disk_list').reverse();
    const disks = meantBy(vm, [{ device: 'disk:00000006-1111-4111-8111-111111111111', sizeGiB: 2 }]);
    expect(applyChanges(spec, { ...nothing, disks })).toBe(true);
    const grown = objectsAt(resources, 'disk_list').filter((disk) => disk['disk_size_mib'] === 2_048);
    expect(grown).toMatchObject([{ uuid: '00000006-1111-4111-8111-111111111111' }]);
  });
});

describe('what is not possible', () => {
  const codeOf = (changes: Partial<Changes>, state: 'running' | 'stopped' = 'stopped') => {
    try {
      demandPossible(goldenVm(), state, { ...nothing, ...changes });
      return 'possible';
    } catch (error) {
      return (error as ProblemError).code;
    }
  };

  it.each([
    ['device-not-found', { disks: [{ device: 'scsi:1', sizeGiB: 9 }] }],
    ['invalid-input', { disks: [{ device: 'scsi:0', sizeGiB: 7 }] }],
    ['device-not-found', { removeNics: ['00:00:00:00:00:00'] }],
    ['invalid-input', { addNics: [{ subnet: 's', mac }] }],
    ['possible', { cpus: 64, memoryMiB: 16, disks: [{ device: 'scsi:0', sizeGiB: 8 }] }],
  ] as const)('is %s', (code, changes) => expect(codeOf(changes)).toBe(code));

  it('is the growth of a disk whose size nobody knows', () => {
    const vm = oddVms()['with odd disks']!;
    const wishes = [{ device: 'disk:00000005-1111-4111-8111-111111111111', sizeGiB: 9 }];
    const changes = { ...nothing, disks: meantBy(vm, wishes) };
    expect(() => demandPossible(vm, 'stopped', changes)).toThrow(/does not say how large/);
  });

  it.each([
    ['wrong-state', { memoryMiB: 512 }],
    ['possible', { memoryMiB: 2048, cpus: 2 }],
    ['possible', { memoryMiB: 1024, cpus: 1 }],
  ] as const)('is %s of a running VM', (code, changes) => expect(codeOf(changes, 'running')).toBe(code));
});
