import { ADMIN_UUID } from '../identity.ts';
import { compact, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { EntityRecord } from '../state/records.ts';
import { seconds } from '../time.ts';

/** `spec_hash` is this in every recorded list. */
export const SPEC_HASH = '0'.repeat(50);

export const firstValues = (categories: Readonly<Record<string, readonly string[]>>): JsonObject =>
  Object.fromEntries(
    Object.entries(categories).flatMap(([key, values]) => (values[0] === undefined ? [] : [[key, values[0]]])),
  );

export const userReference = (prism: Prism, uuid: string): JsonObject => ({
  kind: 'user',
  name: uuid === ADMIN_UUID ? prism.username : uuid,
  uuid,
});

export const clusterReference = (prism: Prism, uuid: string): JsonObject =>
  compact({ kind: 'cluster', name: prism.store.get('cluster', uuid)?.name, uuid });

/** Recent releases name the array of tasks as the single task of a write; older ones add an s, in lists. */
export function executionContext(prism: Prism, taskUuids: readonly string[], inList: boolean): JsonObject {
  if (taskUuids.length === 0 || prism.knobs.get('v3.executionContext') === 'absent') return {};
  const key = inList ? prism.knobs.get('v3.taskUuidsKey') : 'task_uuid';
  return { execution_context: { [key]: [...taskUuids] } };
}

/** PENDING until the task runs, RUNNING while it does. */
export function shownState(prism: Prism, entity: { state: string; taskUuids: readonly string[] }): string {
  if (entity.state !== 'PENDING') return entity.state;
  return entity.taskUuids.some((uuid) => prism.store.get('task', uuid)?.status === 'RUNNING') ? 'RUNNING' : 'PENDING';
}

/** Read view of the plain kinds. */
export function entityBody(
  prism: Prism,
  kind: string,
  entity: EntityRecord,
  inList: boolean,
  live: JsonObject = {},
): JsonObject {
  const cluster =
    entity.clusterUuid === undefined ? {} : { cluster_reference: clusterReference(prism, entity.clusterUuid) };
  const described = entity.description === undefined ? {} : { description: entity.description };
  return {
    ...(inList ? {} : { api_version: '3.1' }),
    status: compact({
      name: entity.name,
      ...described,
      ...cluster,
      resources: { ...entity.resources, ...entity.statusResources, ...live },
      state: shownState(prism, entity),
      message_list: entity.messages,
      ...executionContext(prism, entity.taskUuids, inList),
    }),
    metadata: {
      uuid: entity.uuid,
      spec_hash: SPEC_HASH,
      spec_version: entity.specVersion,
      owner_reference: userReference(prism, entity.ownerUuid),
      categories: firstValues(entity.categories),
      categories_mapping: entity.categories,
      creation_time: seconds(entity.createdAt),
      last_update_time: seconds(entity.updatedAt),
      kind,
    },
    spec: { resources: entity.resources, ...cluster, ...described, name: entity.name },
  };
}

/** The answer to an accepted create or update: what was asked for, and the task that does it. */
export const acceptedBody = (
  kind: string,
  uuid: string,
  specVersion: number,
  spec: JsonObject,
  taskUuid: string,
): JsonObject => ({
  metadata: { use_categories_mapping: false, kind, spec_version: specVersion, uuid },
  api_version: '3.1',
  spec,
  status: { state: 'PENDING', execution_context: { task_uuid: taskUuid } },
});

/** The answer to an accepted delete; its `spec` is an empty text, as recorded. */
export const deletedBody = (kind: string, categories: JsonObject, taskUuid: string): JsonObject => ({
  status: { state: 'DELETE_PENDING', execution_context: { task_uuid: taskUuid } },
  spec: '',
  api_version: '3.1',
  metadata: { kind, categories },
});
