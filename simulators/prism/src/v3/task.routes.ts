import type { FastifyInstance } from 'fastify';
import { sendJson } from '../http/reply.ts';
import { compact, numberAt, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { TaskRecord } from '../state/records.ts';
import { seconds } from '../time.ts';
import { hash32 } from '../identity.ts';
import { notFound } from '../vms/refusal.ts';
import { V3Error } from './errors.ts';
import { listAnswer } from './list.ts';
import { bodyOf, uuidParam } from './request.ts';
import { listRequest } from './schemas/metadata.ts';
import { taskPollRequest } from './schemas/infrastructure.ts';

/** Records hold milliseconds; the digits below are made up from the UUID, so that they do not change from read to read. */
const usecs = (ms: number, uuid: string): number => ms * 1000 + (hash32(uuid) % 1000);

function taskBody(prism: Prism, task: TaskRecord): JsonObject {
  const { uuid } = task;
  const times = (name: string, ms: number | undefined): JsonObject =>
    ms === undefined ? {} : { [`${name}_time`]: seconds(ms), [`${name}_time_usecs`]: usecs(ms, uuid) };
  return compact({
    status: task.status,
    last_update_time: seconds(task.updatedAt),
    error_code: task.error === undefined ? undefined : (task.error.code ?? '500'),
    error_detail: task.error?.detail,
    logical_timestamp: task.completedAt === undefined ? (task.startedAt === undefined ? 0 : 1) : 2,
    entity_reference_list: task.entities.map(({ kind, uuid: entity }) => ({ kind, uuid: entity })),
    ...times('start', task.startedAt),
    ...times('creation', task.createdAt),
    ...times('completion', task.completedAt),
    cluster_reference: { kind: 'cluster', uuid: task.clusterUuid ?? prism.site.prismCentral.uuid },
    subtask_reference_list: [],
    progress_message: task.v3Type,
    operation_type: task.v3Type,
    percentage_complete: prism.tasks.progress(task),
    api_version: '3.1',
    uuid,
  });
}

export function taskRoutes(app: FastifyInstance, prism: Prism): void {
  const find = (uuid: string): TaskRecord => {
    const task = prism.store.get('task', uuid);
    if (task === undefined) throw notFound('task', uuid);
    if (task.readableAt > prism.clock.now()) throw new V3Error(404, 'INVALID_UUID', `task : ${uuid} does not exist.`);
    return task;
  };

  app.get('/tasks/:uuid', (request, reply) => sendJson(reply, 200, taskBody(prism, find(uuidParam(request)))));

  app.post('/tasks/list', (request, reply) => {
    const body = bodyOf(prism, request, listRequest('task'));
    return sendJson(
      reply,
      200,
      listAnswer(prism, body, {
        kind: 'task',
        entities: prism.store.all('task'),
        lookup: (task, attribute) => {
          const value = taskBody(prism, task)[attribute];
          if (attribute === 'entity_uuid') return task.entities.map(({ uuid }) => uuid);
          return typeof value === 'string' || typeof value === 'number'
            ? [value]
            : TASK_ATTRIBUTES.has(attribute)
              ? []
              : undefined;
        },
        view: (task) => taskBody(prism, task),
      }),
    );
  });

  app.post('/tasks/poll', async (request, reply) => {
    const body = bodyOf(prism, request, taskPollRequest);
    const uuids = (body['task_uuid_list'] as string[]).map((uuid) => find(uuid).uuid);
    const settled = await prism.tasks.settled(uuids, (numberAt(body, 'poll_timeout_seconds') ?? 0) * 1000);
    return sendJson(reply, 200, {
      entities: uuids.map((uuid) => taskBody(prism, find(uuid))),
      has_poll_timed_out: !settled,
    });
  });

  app.post('/tasks/:uuid/abort', (request, reply) => {
    const { uuid } = find(uuidParam(request));
    if (!prism.tasks.abort(uuid))
      throw new V3Error(422, 'ACTION_NOT_SUPPORTED', `task : ${uuid} can no longer be aborted.`);
    return sendJson(reply, 200, null);
  });
}

const TASK_ATTRIBUTES = new Set([
  'error_code',
  'error_detail',
  'start_time',
  'completion_time',
  'start_time_usecs',
  'completion_time_usecs',
]);
