import { objectAt, stringAt } from '../json.ts';
import type { Datacenter } from '../state/datacenter.ts';
import type { Change, TaskRecord } from '../state/records.ts';
import type { Effect, Outcome } from '../tasks/task-engine.ts';
import { TaskFailure } from '../tasks/task-failure.ts';
import { copiedConfig, restoreOverride } from './vm-copy.ts';
import { born, newVm } from './vm-build.ts';
import { withPower } from './vm-power.ts';
import { optional } from './vm-defaults.ts';

/** The UUIDs of the VMs a task is to make; more than one for a bulk clone. */
const newUuids = (task: TaskRecord): string[] =>
  task.entities
    .filter(({ kind }) => kind === 'vm')
    .map(({ uuid }) => uuid)
    .filter((uuid) => uuid !== stringAt(task.input, 'source'));

export const cloneVm = (site: Datacenter): Effect => ({
  finish(task, now): Outcome {
    const source = site.store.get('vm', stringAt(task.input, 'source') ?? '');
    if (source === undefined) throw new TaskFailure('ENTITY_NOT_FOUND: The VM to clone does not exist');
    const override = objectAt(task.input, 'override');
    const targets = newUuids(task);
    const first = Number(task.input['firstSuffix'] ?? 0);
    // Each copy is committed before the next is made, so that they do not get the same addresses.
    const changes: Change[] = targets.map((uuid, index) => {
      const name = stringAt(override, 'name') ?? `${source.name}-clone`;
      const vm = newVm(site, {
        uuid,
        name: targets.length > 1 ? `${name}-${first + index}` : name,
        ...optional('description', source.description),
        clusterUuid: source.clusterUuid,
        projectUuid: source.projectUuid,
        ownerUuid: source.ownerUuid,
        categories: source.categories,
        taskUuids: task.input['origin'] === 'v3' ? [task.uuid] : [],
        now,
      });
      const made = born(site, vm, copiedConfig(site, source.config, override, source.clusterUuid), now);
      const on = site.knobs.get('v3.clonePowerState') === 'same' && source.power === 'ON';
      const change: Change = ['vm', uuid, on ? withPower(site, made, now) : made];
      if (index < targets.length - 1) site.store.commit([change]);
      return change;
    });
    return { changes: changes.slice(-1) };
  },
});

export const restoreVm = (site: Datacenter): Effect => ({
  finish(task, now) {
    const point = site.store.get('recoveryPoint', stringAt(task.input, 'recoveryPoint') ?? '');
    if (point === undefined) throw new TaskFailure('ENTITY_NOT_FOUND: The recovery point does not exist');
    const override = objectAt(task.input, 'override');
    const [uuid = ''] = newUuids(task);
    const vm = newVm(site, {
      uuid,
      name: stringAt(override, 'name') ?? point.vm.name,
      ...optional('description', point.vm.description),
      clusterUuid: point.clusterUuid,
      ownerUuid: stringAt(task.input, 'ownerUuid') ?? '',
      categories: (task.input['categories'] as Record<string, string[]> | undefined) ?? point.vm.categories,
      taskUuids: task.input['origin'] === 'v3' ? [task.uuid] : [],
      now,
    });
    const config = copiedConfig(site, point.vm.config, restoreOverride(override), point.clusterUuid);
    return { changes: [['vm', uuid, born(site, vm, config, now)]] };
  },
});
