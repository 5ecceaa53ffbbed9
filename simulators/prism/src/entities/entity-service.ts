import { ADMIN_UUID, newUuid } from '../identity.ts';
import { stringAt, objectAt, type JsonObject } from '../json.ts';
import type { RequestFacts } from '../knobs/fault-rules.ts';
import type { Datacenter } from '../state/datacenter.ts';
import type { Change, EntityRecord, Records, TaskRecord } from '../state/records.ts';
import type { TaskEngine } from '../tasks/task-engine.ts';
import { Refusal, notFound } from '../vms/refusal.ts';
import { optional } from '../vms/vm-defaults.ts';
import type { EntityKind } from './entity.effects.ts';

export interface EntityWish {
  readonly spec: JsonObject;
  readonly categories?: Record<string, string[]>;
  readonly uuid?: string;
  readonly specVersion?: number;
  /** Members of the record that only its kind has. */
  readonly extra?: JsonObject;
}

const camel = (kind: string): string =>
  kind.replace(/(^|_)(\w)/g, (_match, _bar, letter: string) => letter.toUpperCase());

/** Takes requests about the plain kinds and starts their tasks. */
export class EntityService {
  constructor(
    private readonly site: Datacenter,
    private readonly tasks: TaskEngine,
  ) {}

  find<K extends EntityKind>(kind: K, uuid: string): Records[K] {
    const entity = this.site.store.get(kind, uuid);
    if (entity === undefined) throw notFound(kind, uuid);
    return entity;
  }

  create(kind: EntityKind, wish: EntityWish, facts: RequestFacts): { entity: EntityRecord; task: TaskRecord } {
    const uuid = wish.uuid ?? newUuid();
    if (this.site.store.get(kind, uuid) !== undefined)
      throw new Refusal('exists', kind, uuid, `${kind} : ${uuid} already exists.`);
    const now = this.site.clock.now();
    const taskUuid = newUuid();
    const entity: EntityRecord = {
      uuid,
      name: stringAt(wish.spec, 'name') ?? '',
      ...optional('description', stringAt(wish.spec, 'description')),
      ...optional('clusterUuid', stringAt(objectAt(wish.spec, 'cluster_reference'), 'uuid')),
      resources: objectAt(wish.spec, 'resources'),
      categories: wish.categories ?? {},
      ownerUuid: ADMIN_UUID,
      createdAt: now,
      updatedAt: now,
      specVersion: 0,
      state: 'PENDING',
      taskUuids: [taskUuid],
      ...wish.extra,
    };
    const task = this.start(kind, 'create', entity, taskUuid, {}, facts, [[kind, uuid, entity] as Change]);
    return { entity, task };
  }

  update(
    kind: EntityKind,
    uuid: string,
    wish: EntityWish,
    facts: RequestFacts,
  ): { entity: EntityRecord; task: TaskRecord } {
    const before = this.writable(kind, uuid, wish.specVersion);
    const taskUuid = newUuid();
    const entity: EntityRecord = { ...before, state: 'PENDING', taskUuids: [taskUuid] };
    const input = { spec: wish.spec, ...(wish.categories === undefined ? {} : { categories: wish.categories }) };
    const task = this.start(kind, 'update', entity, taskUuid, input, facts, [[kind, uuid, entity] as Change]);
    return { entity, task };
  }

  delete(kind: EntityKind, uuid: string, facts: RequestFacts): { entity: EntityRecord; task: TaskRecord } {
    const before = this.writable(kind, uuid, undefined);
    const taskUuid = newUuid();
    const entity: EntityRecord = { ...before, state: 'DELETE_PENDING', taskUuids: [taskUuid] };
    const task = this.start(kind, 'delete', entity, taskUuid, {}, facts, [[kind, uuid, entity] as Change]);
    return { entity, task };
  }

  private start(
    kind: EntityKind,
    verb: 'create' | 'update' | 'delete',
    entity: EntityRecord,
    taskUuid: string,
    input: JsonObject,
    facts: RequestFacts,
    changes: readonly Change[],
  ): TaskRecord {
    const latency =
      kind === 'image' && verb === 'create' ? 'latency.image' : verb === 'delete' ? 'latency.delete' : 'latency.other';
    return this.tasks.start(
      {
        operation: `${kind}.${verb}`,
        v3Type: `${verb}_${kind}_intentful`,
        v4Operation: `${camel(kind)}${camel(verb)}`,
        v4Description: `${camel(verb)} ${kind.replace('_', ' ')}`,
        entities: [{ kind, uuid: entity.uuid }],
        ...optional('clusterUuid', entity.clusterUuid),
        locks: [entity.uuid],
        input: { uuid: entity.uuid, ...input },
        durationMs: this.site.time(latency),
        uuid: taskUuid,
      },
      changes,
      facts,
    );
  }

  private writable(kind: EntityKind, uuid: string, specVersion: number | undefined): EntityRecord {
    const entity = this.find(kind, uuid);
    if (this.tasks.holderOf(uuid) !== undefined)
      throw new Refusal('busy', kind, uuid, 'Another operation is in progress on the entity.');
    const strict = this.site.knobs.get('v3.otherSpecVersionCheck') === 'strict';
    if (strict && specVersion !== undefined && specVersion !== entity.specVersion)
      throw new Refusal('stale', kind, uuid, 'Edit conflict: please retry change.');
    return entity;
  }
}
