import type { FastifyInstance } from 'fastify';
import { askerOf } from '../http/caller.ts';
import { sendJson } from '../http/reply.ts';
import { newUuid } from '../identity.ts';
import { compact, objectsAt, objectAt, stringAt, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { RecoveryPointRecord } from '../state/records.ts';
import { micros } from '../time.ts';
import { notFound, Refusal } from '../vms/refusal.ts';
import { startRestore } from '../vms/restore.ts';
import { optional } from '../vms/vm-defaults.ts';
import { listed, single, taskReference } from './envelope.ts';
import { etagOf } from './etag.ts';
import { bodyOf, extIdParam, once } from './request.ts';
import { recoveryPoint as recoveryPointSchema, restoreParams } from './schemas.ts';
import { nicSpec } from './vm-body.ts';
import { categoryId } from './vm-view.ts';

const TYPE = 'dataprotection.v4.config';

/** VM recovery points of one v4 recovery point. */
type Group = readonly [RecoveryPointRecord, ...RecoveryPointRecord[]];

function groupView(group: Group): JsonObject {
  const [first] = group;
  return compact({
    $objectType: `${TYPE}.RecoveryPoint`,
    extId: first.groupUuid,
    name: first.name,
    status: 'COMPLETE',
    recoveryPointType: first.type,
    creationTime: micros(first.createdAt),
    expirationTime: first.expiresAt === undefined ? undefined : micros(first.expiresAt),
    locationAgnosticId: first.agnosticUuid,
    locationReferences: [{ $objectType: `${TYPE}.LocationReference`, locationExtId: first.clusterUuid }],
    vmRecoveryPoints: group.map((point) => ({
      $objectType: `${TYPE}.VmRecoveryPoint`,
      extId: point.uuid,
      name: point.name,
      vmExtId: point.vmUuid,
      status: 'COMPLETE',
      recoveryPointType: point.type,
      creationTime: micros(point.createdAt),
      locationAgnosticId: point.agnosticUuid,
      hypervisorType: 'AHV',
      vmCategories: Object.entries(point.vm.categories).flatMap(([key, values]) =>
        values.map((value) => categoryId(key, value)),
      ),
    })),
  });
}

export function recoveryPointRoutes(app: FastifyInstance, prism: Prism): void {
  const groups = (): Group[] => {
    const found = new Map<string, [RecoveryPointRecord, ...RecoveryPointRecord[]]>();
    for (const point of prism.store.all('recoveryPoint')) {
      const group = found.get(point.groupUuid);
      if (group === undefined) found.set(point.groupUuid, [point]);
      else group.push(point);
    }
    return [...found.values()];
  };
  const find = (id: string): Group => {
    const group = groups().find(([first]) => first.groupUuid === id);
    if (group === undefined) throw notFound('recovery_point', id);
    return group;
  };

  app.get('/config/recovery-points', (request, reply) =>
    sendJson(reply, 200, listed(prism, request, groups(), groupView, `${TYPE}.ListRecoveryPointsApiResponse`)),
  );

  app.get('/config/recovery-points/:extId', (request, reply) => {
    const group = find(extIdParam(request));
    reply.header('etag', etagOf(group[0].groupUuid, group[0].specVersion));
    return sendJson(reply, 200, single(request, groupView(group), `${TYPE}.GetRecoveryPointApiResponse`));
  });

  app.post('/config/recovery-points', (request, reply) =>
    once(prism, request, reply, false, () => {
      const body = bodyOf(prism, request, recoveryPointSchema);
      const [vm, ...others] = objectsAt(body, 'vmRecoveryPoints');
      const vmUuid = stringAt(vm, 'vmExtId');
      if (vmUuid === undefined || others.length > 0)
        throw new Refusal('invalid', 'recovery_point', '', 'vmRecoveryPoints must name exactly one VM.');
      const expiration = stringAt(body, 'expirationTime');
      const groupUuid = newUuid();
      const wish = {
        groupUuid,
        ...optional('name', stringAt(body, 'name')),
        ...optional('type', stringAt(body, 'recoveryPointType')),
        ...(expiration === undefined ? {} : { expiresAt: Date.parse(expiration) }),
      };
      const task = prism.vms.snapshot(vmUuid, wish, askerOf(request, 'v4'));
      return { status: 202, body: taskReference(request, task.uuid, `${TYPE}.CreateRecoveryPointApiResponse`) };
    }),
  );

  app.delete('/config/recovery-points/:extId', (request, reply) =>
    once(prism, request, reply, false, () => {
      const [point] = find(extIdParam(request));
      const task = prism.tasks.start(
        {
          operation: 'recovery_point.delete',
          v3Type: 'delete_vm_recovery_point_intentful',
          v4Operation: 'RecoveryPointDelete',
          v4Description: 'Delete recovery point',
          entities: [{ kind: 'recovery_point', uuid: point.groupUuid }],
          clusterUuid: point.clusterUuid,
          locks: [point.uuid],
          input: { recoveryPoint: point.uuid },
          durationMs: prism.site.time('latency.delete'),
        },
        [['recoveryPoint', point.uuid, { ...point, state: 'DELETE_PENDING' }]],
        askerOf(request, 'v4').facts,
      );
      return { status: 202, body: taskReference(request, task.uuid, `${TYPE}.DeleteRecoveryPointApiResponse`) };
    }),
  );

  app.post('/config/recovery-points/:extId/$actions/restore', (request, reply) =>
    once(prism, request, reply, false, () => {
      const group = find(extIdParam(request));
      const body = bodyOf(prism, request, restoreParams);
      const [override = {}] = objectsAt(body, 'vmRecoveryPointRestoreOverrides');
      const wanted = stringAt(override, 'vmRecoveryPointExtId') ?? group[0].uuid;
      const point = group.find(({ uuid }) => uuid === wanted);
      if (point === undefined) throw notFound('vm_recovery_point', wanted);
      const spec = objectAt(override, 'vmOverrideSpec');
      const resources = Array.isArray(spec['nics']) ? { nic_list: objectsAt(spec, 'nics').map(nicSpec) } : {};
      const task = startRestore(
        prism,
        point,
        { override: compact({ name: stringAt(spec, 'name'), resources }) },
        askerOf(request, 'v4'),
      );
      return { status: 202, body: taskReference(request, task.uuid, `${TYPE}.RestoreRecoveryPointApiResponse`) };
    }),
  );
}
