import { objectAt, stringAt } from '../json.ts';
import type { Datacenter } from '../state/datacenter.ts';
import type { TaskRecord, VmRecord } from '../state/records.ts';
import type { Effect } from '../tasks/task-engine.ts';
import { TaskFailure } from '../tasks/task-failure.ts';
import { booting, withPower } from './vm-power.ts';
import { born, buildConfig } from './vm-build.ts';
import { EMPTY_CONFIG } from './vm-defaults.ts';

/** The VM that a task works on. @throws TaskFailure when a task queued before this one has deleted it. */
export function vmOf(site: Datacenter, task: TaskRecord): VmRecord {
  const uuid = stringAt(task.input, 'uuid') ?? '';
  const vm = site.store.get('vm', uuid);
  if (vm === undefined) throw new TaskFailure(`ENTITY_NOT_FOUND: vm : ${uuid} does not exist.`);
  return vm;
}

export const createVm = (site: Datacenter): Effect => ({
  finish(task, now) {
    const vm = vmOf(site, task);
    const resources = objectAt(vm.intent?.spec, 'resources');
    const made = born(site, vm, buildConfig(site, resources, EMPTY_CONFIG, vm.clusterUuid), now);
    if (stringAt(resources, 'power_state') !== 'ON') return { changes: [['vm', vm.uuid, made]] };
    const on = booting(site, withPower(site, made, now), now);
    // One version for the create with its power-on, as recorded on 5.10.3.
    return { changes: [['vm', vm.uuid, { ...on, specVersion: 1 }]] };
  },
  undo(task, error, now) {
    const vm = vmOf(site, task);
    if (site.knobs.get('v3.failedCreate') === 'absent') return [['vm', vm.uuid, null]];
    return [['vm', vm.uuid, { ...vm, state: 'ERROR', updatedAt: now, messages: failure(error?.detail) }]];
  },
});

/** `message_list` of an entity whose last task failed. */
export const failure = (detail: string | undefined): { message: string; reason: string }[] => [
  { message: detail ?? 'The operation was aborted.', reason: 'INTERNAL_ERROR' },
];
