import type { FastifyInstance } from 'fastify';
import { askerOf } from '../http/caller.ts';
import { newUuid } from '../identity.ts';
import { sendJson } from '../http/reply.ts';
import { compact, isObject, numberAt, objectAt, stringAt, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { RecoveryPointRecord } from '../state/records.ts';
import { seconds } from '../time.ts';
import { Refusal, notFound } from '../vms/refusal.ts';
import { startRestore } from '../vms/restore.ts';
import { optional } from '../vms/vm-defaults.ts';
import { specResources } from '../vms/vm-resources.ts';
import { acceptedBody, clusterReference, deletedBody, executionContext, firstValues, SPEC_HASH } from './envelope.ts';
import { commonAttributes, listAnswer } from './list.ts';
import { bodyOf, reservedUuid, uuidParam } from './request.ts';
import { object } from './schema.ts';
import { listRequest } from './schemas/metadata.ts';
import { recoveryPointIntent, restoreRequest } from './schemas/recovery-point.ts';
import { checkInternal } from './vm-action.routes.ts';

const KIND = 'vm_recovery_point';

function recoveryPointBody(prism: Prism, point: RecoveryPointRecord, inList: boolean): JsonObject {
  const parent = { kind: 'vm', uuid: point.vmUuid, name: point.vm.name };
  const cluster = clusterReference(prism, point.clusterUuid);
  const shared: JsonObject = {
    parent_vm_reference: parent,
    source_cluster_reference: cluster,
    recovery_point_type: point.type,
    creation_time: seconds(point.createdAt),
    ...(point.expiresAt === undefined ? {} : { expiration_time: seconds(point.expiresAt) }),
    vm_recovery_point_location_agnostic_uuid: point.agnosticUuid,
  };
  const vm = prism.store.get('vm', point.vmUuid);
  const resources = vm === undefined ? {} : specResources(prism.site, { ...vm, power: 'OFF', config: point.vm.config });
  return {
    ...(inList ? {} : { api_version: '3.1' }),
    status: {
      name: point.name,
      state: point.state,
      cluster_reference: cluster,
      resources: {
        ...shared,
        vm_spec: compact({
          name: point.vm.name,
          description: point.vm.description,
          cluster_reference: cluster,
          resources,
        }),
        vm_metadata: {
          kind: 'vm',
          uuid: point.vmUuid,
          categories: firstValues(point.vm.categories),
          categories_mapping: point.vm.categories,
        },
      },
      ...executionContext(prism, point.taskUuids, inList),
    },
    metadata: {
      kind: KIND,
      uuid: point.uuid,
      spec_hash: SPEC_HASH,
      spec_version: point.specVersion,
      categories: {},
      categories_mapping: {},
      creation_time: seconds(point.createdAt),
      last_update_time: seconds(point.updatedAt),
    },
    spec: { name: point.name, cluster_reference: cluster, resources: shared },
  };
}

export function recoveryPointRoutes(app: FastifyInstance, prism: Prism): void {
  app.addHook('preHandler', async (request) => checkInternal(prism, request.url));

  const find = (uuid: string): RecoveryPointRecord => {
    const point = prism.store.get('recoveryPoint', uuid);
    if (point === undefined) throw notFound(KIND, uuid);
    return point;
  };

  app.post('/', (request, reply) => {
    const body = bodyOf(prism, request, recoveryPointIntent);
    const spec = objectAt(body, 'spec');
    const resources = objectAt(spec, 'resources');
    const parent = stringAt(objectAt(resources, 'parent_vm_reference'), 'uuid');
    if (parent === undefined) throw new Refusal('invalid', KIND, '', 'parent_vm_reference is required.');
    const uuid = reservedUuid(prism, stringAt(objectAt(body, 'metadata'), 'uuid')) ?? newUuid();
    const expiration = stringAt(resources, 'expiration_time');
    const wish = {
      uuid,
      ...optional('name', stringAt(spec, 'name')),
      ...optional('type', stringAt(resources, 'recovery_point_type')),
      ...(expiration === undefined ? {} : { expiresAt: Date.parse(expiration) }),
      ...optional('agnosticUuid', stringAt(resources, 'vm_recovery_point_location_agnostic_uuid')),
    };
    const task = prism.vms.snapshot(parent, wish, askerOf(request, 'v3'));
    return sendJson(reply, 202, acceptedBody(KIND, uuid, 0, spec, task.uuid));
  });

  app.post('/list', (request, reply) => {
    const body = bodyOf(prism, request, listRequest(KIND));
    return sendJson(
      reply,
      200,
      listAnswer(prism, body, {
        kind: KIND,
        entities: prism.store.all('recoveryPoint'),
        lookup: (point, attribute) => {
          if (attribute === 'entity_uuid' || attribute === 'parent_vm_reference' || attribute === 'vm_uuid')
            return [point.vmUuid];
          if (attribute === 'creation_time') return [point.createdAt];
          return commonAttributes(point)[attribute];
        },
        view: (point) => recoveryPointBody(prism, point, true),
      }),
    );
  });

  app.get('/:uuid', (request, reply) =>
    sendJson(reply, 200, recoveryPointBody(prism, find(uuidParam(request)), false)),
  );

  app.put('/:uuid', (request, reply) => {
    const point = find(uuidParam(request));
    const body = bodyOf(prism, request, recoveryPointIntent);
    const spec = objectAt(body, 'spec');
    const wanted = numberAt(objectAt(body, 'metadata'), 'spec_version');
    if (
      prism.knobs.get('v3.otherSpecVersionCheck') === 'strict' &&
      wanted !== undefined &&
      wanted !== point.specVersion
    )
      throw new Refusal('stale', KIND, point.uuid, 'Edit conflict: please retry change.');
    const expiration = stringAt(objectAt(spec, 'resources'), 'expiration_time');
    const next: RecoveryPointRecord = {
      ...point,
      name: stringAt(spec, 'name') ?? point.name,
      ...(expiration === undefined ? {} : { expiresAt: Date.parse(expiration) }),
      updatedAt: prism.clock.now(),
      specVersion: point.specVersion + 1,
    };
    const task = prism.tasks.start(
      {
        operation: 'recovery_point.update',
        v3Type: 'update_vm_recovery_point_intentful',
        v4Operation: 'VmRecoveryPointUpdate',
        v4Description: 'Update VM recovery point',
        entities: [{ kind: KIND, uuid: point.uuid }],
        clusterUuid: point.clusterUuid,
        locks: [point.uuid],
        input: { recoveryPoint: point.uuid, next: next as unknown as JsonObject },
        durationMs: prism.site.time('latency.other'),
      },
      [],
      askerOf(request, 'v3').facts,
    );
    return sendJson(reply, 202, acceptedBody(KIND, point.uuid, point.specVersion, spec, task.uuid));
  });

  app.delete('/:uuid', (request, reply) => {
    const point = find(uuidParam(request));
    const task = prism.tasks.start(
      {
        operation: 'recovery_point.delete',
        v3Type: 'delete_vm_recovery_point_intentful',
        v4Operation: 'VmRecoveryPointDelete',
        v4Description: 'Delete VM recovery point',
        entities: [{ kind: KIND, uuid: point.uuid }],
        clusterUuid: point.clusterUuid,
        locks: [point.uuid],
        input: { recoveryPoint: point.uuid },
        durationMs: prism.site.time('latency.delete'),
      },
      [['recoveryPoint', point.uuid, { ...point, state: 'DELETE_PENDING' }]],
      askerOf(request, 'v3').facts,
    );
    return sendJson(reply, 202, deletedBody(KIND, {}, task.uuid));
  });

  for (const action of ['restore', 'promote'])
    app.post(`/:uuid/${action}`, (request, reply) => {
      const body = bodyOf(prism, request, restoreRequest);
      const metadata = objectAt(body, 'metadata');
      const mapping = metadata['categories_mapping'];
      const task = startRestore(
        prism,
        find(uuidParam(request)),
        {
          override: objectAt(body, 'vm_override_spec'),
          ...optional('uuid', reservedUuid(prism, stringAt(metadata, 'uuid'))),
          ...(isObject(mapping) ? { categories: mapping as Record<string, string[]> } : {}),
        },
        askerOf(request, 'v3'),
      );
      return sendJson(reply, 202, { task_uuid: task.uuid });
    });

  app.post('/:uuid/validate_restore', (request, reply) => {
    find(uuidParam(request));
    return sendJson(reply, 200, []);
  });

  app.post('/:uuid/clone', (request) => {
    const point = find(uuidParam(request));
    bodyOf(prism, request, object({}));
    // Replication goes to another availability zone, and this site is paired with none.
    throw new Refusal('notSupported', KIND, point.uuid, 'No availability zone is connected to replicate to.');
  });
}
