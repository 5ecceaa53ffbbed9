import type { FastifyInstance } from 'fastify';
import { sendJson } from '../http/reply.ts';
import { ADMIN_UUID, hash32 } from '../identity.ts';
import { compact, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { TaskRecord } from '../state/records.ts';
import { micros } from '../time.ts';
import { notFound } from '../vms/refusal.ts';
import { listed, single, TASK_PREFIX } from './envelope.ts';
import { appMessage, V4Error } from './errors.ts';
import { extIdParam } from './request.ts';

const TYPE = 'prism.v4.config';

const RELATIONS: Readonly<Record<string, string>> = {
  vm: 'vmm:ahv:config:vm',
  vm_disk: 'vmm:ahv:config:vm:disk',
  vm_cdrom: 'vmm:ahv:config:vm:cdrom',
  vm_nic: 'vmm:ahv:config:vm:nic',
  ova: 'vmm:content:ova',
  image: 'vmm:content:image',
  subnet: 'networking:config:subnet',
  vm_recovery_point: 'dataprotection:config:vm-recovery-point',
  recovery_point: 'dataprotection:config:recovery-point',
};

/** How long after its end a task with late entities does not yet name them. */
const LATE_MS = 1000;

const STATUS = { ABORTED: 'CANCELED' } as const;

function taskView(prism: Prism, task: TaskRecord): JsonObject {
  const fraction = hash32(task.uuid);
  const time = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : micros(ms, fraction));
  return compact({
    $objectType: `${TYPE}.Task`,
    extId: `${TASK_PREFIX}${task.uuid}`,
    operation: task.v4Operation,
    operationDescription: task.v4Description,
    status: task.status === 'ABORTED' ? STATUS.ABORTED : task.status,
    progressPercentage: prism.tasks.progress(task),
    createdTime: time(task.createdAt),
    startedTime: time(task.startedAt),
    completedTime: time(task.completedAt),
    lastUpdatedTime: time(task.updatedAt),
    entitiesAffected: entitiesAffected(prism, task),
    errorMessages: errorMessages(prism, task),
    legacyErrorMessage:
      task.error === undefined || prism.knobs.get('v4.errorMessages') === 'absent' ? undefined : task.error.detail,
    isCancelable: task.completedAt === undefined,
    isBackgroundTask: false,
    ownedBy: { $objectType: `${TYPE}.OwnerReference`, extId: ADMIN_UUID, name: prism.username },
    clusterExtIds: [task.clusterUuid ?? prism.site.prismCentral.uuid],
    numberOfSubtasks: 0,
    numberOfEntitiesAffected: task.entities.length,
    completionDetails: (task.completion ?? []).map(({ name, value }) => ({
      $objectType: 'common.v1.config.KVPair',
      name,
      value,
    })),
  });
}

function entitiesAffected(prism: Prism, task: TaskRecord): JsonObject[] | undefined {
  const how = prism.knobs.get('v4.entitiesAffected');
  if (how === 'late' && (task.completedAt === undefined || prism.clock.now() < task.completedAt + LATE_MS))
    return undefined;
  const entities = task.entities.map(({ kind, uuid }) => ({
    $objectType: `${TYPE}.EntityReference`,
    extId: uuid,
    rel: RELATIONS[kind] ?? `prism:config:${kind.replaceAll('_', '-')}`,
  }));
  return how === 'duplicated' ? [...entities, ...entities] : entities;
}

function errorMessages(prism: Prism, task: TaskRecord): JsonObject[] | undefined {
  const { error } = task;
  const how = prism.knobs.get('v4.errorMessages');
  if (error === undefined || how === 'absent') return undefined;
  const message =
    how === 'template'
      ? "Failed to perform the operation, due to an invalid argument with key '{{argument_key}}' and value '{{argument_value}}'."
      : error.detail;
  return [
    appMessage('vmm', {
      code: error.v4Code ?? 'VMM-20000',
      errorGroup: error.v4Group ?? 'VMM_INTERNAL_ERROR',
      message,
    }),
  ];
}

export function taskRoutes(app: FastifyInstance, prism: Prism): void {
  const find = (id: string): TaskRecord => {
    const task = prism.store.get('task', id);
    if (task === undefined || task.readableAt > prism.clock.now()) throw notFound('task', id);
    return task;
  };

  app.get('/config/tasks', (request, reply) =>
    sendJson(
      reply,
      200,
      listed(prism, request, prism.store.all('task'), (task) => taskView(prism, task), `${TYPE}.ListTasksApiResponse`),
    ),
  );

  app.get('/config/tasks/:extId', (request, reply) =>
    sendJson(reply, 200, single(request, taskView(prism, find(extIdParam(request))), `${TYPE}.GetTaskApiResponse`)),
  );

  app.post('/config/tasks/:extId/$actions/cancel', (request, reply) => {
    const { uuid } = find(extIdParam(request));
    if (!prism.tasks.abort(uuid))
      throw new V4Error(
        400,
        'PRISM-10003',
        'TASK_NOT_CANCELABLE',
        `Task ${TASK_PREFIX}${uuid} can no longer be canceled.`,
      );
    return sendJson(reply, 202, single(request, appMessageOfCancel(uuid), `${TYPE}.CancelTaskApiResponse`));
  });
}

const appMessageOfCancel = (uuid: string): JsonObject => ({
  $objectType: 'prism.v4.error.AppMessage',
  message: `Task ${TASK_PREFIX}${uuid} is canceled.`,
  severity: 'INFO',
  locale: 'en-US',
});
