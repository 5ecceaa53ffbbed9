import { without } from '../without.ts';
import { numberAt, objectsAt, stringAt } from '../json.ts';
import type { Datacenter } from '../state/datacenter.ts';
import type { RecoveryPointRecord, TaskRecord, VmConfig, VmRecord } from '../state/records.ts';
import type { Effect } from '../tasks/task-engine.ts';
import { TaskFailure } from '../tasks/task-failure.ts';
import { nicList } from './nic-list.ts';
import { specResources } from './vm-resources.ts';
import { logged, touched, withoutPower } from './vm-power.ts';
import { vmOf } from './vm-create.effect.ts';
import { optional } from './vm-defaults.ts';

function pointOf(site: Datacenter, task: TaskRecord): RecoveryPointRecord {
  const uuid = stringAt(task.input, 'recoveryPoint') ?? '';
  const point = site.store.get('recoveryPoint', uuid);
  if (point === undefined) throw new TaskFailure('ENTITY_NOT_FOUND: The recovery point does not exist');
  return point;
}

/** Takes the VM as it is when the task ends. */
export const snapshotVm = (site: Datacenter): Effect => ({
  finish(task, now) {
    const vm = vmOf(site, task);
    const uuid = stringAt(task.input, 'recoveryPoint') ?? '';
    const expiresAt = numberAt(task.input, 'expiresAt');
    const point: RecoveryPointRecord = {
      uuid,
      name: stringAt(task.input, 'name') ?? `${vm.name}-${new Date(now).toISOString()}`,
      vmUuid: vm.uuid,
      clusterUuid: vm.clusterUuid,
      type: stringAt(task.input, 'type') ?? 'CRASH_CONSISTENT',
      createdAt: now,
      updatedAt: now,
      ...optional('expiresAt', expiresAt),
      agnosticUuid: stringAt(task.input, 'agnosticUuid') ?? uuid,
      groupUuid: stringAt(task.input, 'groupUuid') ?? uuid,
      specVersion: 0,
      state: 'COMPLETE',
      taskUuids: task.input['origin'] === 'v3' ? [task.uuid] : [],
      vm: {
        name: vm.name,
        ...optional('description', vm.description),
        categories: vm.categories,
        config: withoutPower(vm).config,
      },
    };
    return { changes: [['recoveryPoint', uuid, point]] };
  },
});

export const updateRecoveryPoint = (site: Datacenter): Effect => ({
  finish(task) {
    const { uuid } = pointOf(site, task);
    return { changes: [['recoveryPoint', uuid, task.input['next'] as unknown as RecoveryPointRecord]] };
  },
});

export const deleteRecoveryPoint = (site: Datacenter): Effect => ({
  finish: (task) => ({ changes: [['recoveryPoint', pointOf(site, task).uuid, null]] }),
  undo(task) {
    const point = pointOf(site, task);
    return [['recoveryPoint', point.uuid, { ...point, state: 'COMPLETE' }]];
  },
});

/** Puts a VM back to a recovery point in place: its own UUIDs, MACs and, where still free, addresses. */
export const revertVm = (site: Datacenter): Effect => ({
  finish(task, now) {
    const vm = vmOf(site, task);
    const point = pointOf(site, task);
    if (vm.power !== 'OFF' && site.knobs.get('v3.revertWhileOn') === 'fail')
      throw new TaskFailure('INVALID_STATE: VM must be powered off to be reverted');
    const off = vm.power === 'OFF' ? vm : logged(withoutPower(vm), 'off', now);
    return { changes: [['vm', vm.uuid, touched({ ...off, config: revertedConfig(site, vm, point.vm.config) }, now)]] };
  },
});

function revertedConfig(site: Datacenter, vm: VmRecord, saved: VmConfig): VmConfig {
  const resources = specResources(site, { ...vm, power: 'OFF', config: saved });
  const taken = (ip: string, subnetUuid: string | undefined): boolean =>
    subnetUuid !== undefined &&
    !vm.config.nics.some(
      (nic) => nic.subnetUuid === subnetUuid && nic.addresses.some((address) => address.ip === ip),
    ) &&
    site.store
      .all('vm')
      .some((other) =>
        other.config.nics.some(
          (nic) => nic.subnetUuid === subnetUuid && nic.addresses.some((address) => address.ip === ip),
        ),
      );
  const before = saved.nics.map((nic) => ({
    ...nic,
    addresses: nic.addresses.filter(({ ip }) => !taken(ip, nic.subnetUuid)),
  }));
  const specs = objectsAt(resources, 'nic_list').map((spec) => without(spec, 'ip_endpoint_list'));
  // Addresses the VM holds now are its own to trade for the saved ones.
  return { ...saved, nics: nicList(site, { nic_list: specs }, [...before, ...vm.config.nics], vm.clusterUuid) };
}
