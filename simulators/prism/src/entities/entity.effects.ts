import { without } from '../without.ts';
import { objectAt, stringAt } from '../json.ts';
import type { Datacenter } from '../state/datacenter.ts';
import type { Change, EntityRecord, Records, TaskRecord } from '../state/records.ts';
import type { Effect } from '../tasks/task-engine.ts';
import { TaskFailure } from '../tasks/task-failure.ts';
import { optional } from '../vms/vm-defaults.ts';

/** Kinds whose writes do nothing but change their record. */
export type EntityKind = 'subnet' | 'image' | 'project' | 'volume_group' | 'webhook';

/** @throws TaskFailure when a task queued before this one has deleted it. */
export function entityOf<K extends EntityKind>(site: Datacenter, kind: K, task: TaskRecord): Records[K] {
  const uuid = stringAt(task.input, 'uuid') ?? '';
  const entity = site.store.get(kind, uuid);
  if (entity === undefined) throw new TaskFailure(`ENTITY_NOT_FOUND: ${kind} : ${uuid} does not exist.`);
  return entity;
}

const put = (kind: EntityKind, entity: EntityRecord): Change => [kind, entity.uuid, entity] as Change;

export const createEntity = (site: Datacenter, kind: EntityKind): Effect => ({
  finish(task, now) {
    const entity = entityOf(site, kind, task);
    return {
      changes: [put(kind, { ...entity, state: 'COMPLETE', updatedAt: now, specVersion: entity.specVersion + 1 })],
    };
  },
  undo: (task) => [[kind, entityOf(site, kind, task).uuid, null]],
});

export const updateEntity = (site: Datacenter, kind: EntityKind): Effect => ({
  finish(task, now) {
    const entity = without(entityOf<EntityKind>(site, kind, task), 'description');
    const spec = objectAt(task.input, 'spec');
    return {
      changes: [
        put(kind, {
          ...entity,
          name: stringAt(spec, 'name') ?? entity.name,
          ...optional('description', stringAt(spec, 'description')),
          resources: objectAt(spec, 'resources'),
          ...(task.input['categories'] === undefined
            ? {}
            : { categories: task.input['categories'] as Record<string, string[]> }),
          state: 'COMPLETE',
          updatedAt: now,
          specVersion: entity.specVersion + 1,
        }),
      ],
    };
  },
  undo: (task) => [put(kind, { ...entityOf(site, kind, task), state: 'COMPLETE' })],
});

export const deleteEntity = (site: Datacenter, kind: EntityKind): Effect => ({
  finish(task) {
    const { uuid } = entityOf(site, kind, task);
    const user =
      kind === 'subnet'
        ? site.store.all('vm').find((vm) => vm.config.nics.some((nic) => nic.subnetUuid === uuid))
        : undefined;
    if (user !== undefined)
      throw new TaskFailure(`ENTITY_DELETION_FAILED: Subnet ${uuid} is in use by VM ${user.uuid}`);
    return { changes: [[kind, uuid, null]] };
  },
  undo: (task) => [put(kind, { ...entityOf(site, kind, task), state: 'COMPLETE' })],
});
