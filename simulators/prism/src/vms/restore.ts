import { newUuid } from '../identity.ts';
import { objectAt, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { RecoveryPointRecord, TaskRecord } from '../state/records.ts';
import { Refusal } from './refusal.ts';
import { checkCategories, checkReferences, referencesOf } from './references.ts';
import type { Asker } from './vm-service.ts';

export interface RestoreWish {
  /** Name and resources that replace those of the recovery point. */
  readonly override: JsonObject;
  readonly uuid?: string;
  readonly categories?: Record<string, string[]>;
}

/** Makes a new VM out of a recovery point; its UUID is the task's first entity. */
export function startRestore(prism: Prism, point: RecoveryPointRecord, wish: RestoreWish, asker: Asker): TaskRecord {
  const uuid = wish.uuid ?? newUuid();
  if (prism.store.get('vm', uuid) !== undefined)
    throw new Refusal('exists', 'vm', uuid, `vm : ${uuid} already exists.`);
  checkReferences(prism.site, referencesOf({ resources: objectAt(wish.override, 'resources') }));
  checkCategories(prism.site, wish.categories ?? {});
  return prism.tasks.start(
    {
      operation: 'recovery_point.restore',
      v3Type: 'restore_vm_recovery_point',
      v4Operation: 'VmRecoveryPointRestore',
      v4Description: 'Restore VM recovery point',
      entities: [{ kind: 'vm', uuid }],
      clusterUuid: point.clusterUuid,
      locks: [uuid],
      input: {
        recoveryPoint: point.uuid,
        override: wish.override,
        origin: asker.origin,
        ownerUuid: asker.userUuid,
        ...(wish.categories === undefined ? {} : { categories: wish.categories }),
      },
      durationMs: prism.site.time('latency.clone'),
    },
    [],
    asker.facts,
  );
}
