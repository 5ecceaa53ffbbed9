import type { FastifyInstance, FastifyRequest } from 'fastify';
import { askerOf } from '../http/caller.ts';
import { sendJson } from '../http/reply.ts';
import { objectAt, objectsAt, stringAt, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { PowerAction } from '../vms/power.ts';
import { RELEASED } from '../vms/nic-list.ts';
import { notFound, Refusal } from '../vms/refusal.ts';
import { optional } from '../vms/vm-defaults.ts';
import { bodyOf, reservedUuid, uuidParam, versionsOf } from './request.ts';
import { object } from './schema.ts';
import {
  cloneRequest,
  exportRequest,
  migrateDisksRequest,
  powerRequest,
  releaseIpRequest,
  revertRequest,
  snapshotRequest,
  updateIpRequest,
} from './schemas/vm.ts';

/** There is no power_on or power_off here: v3 does both by PUT. */
const POWER_PATHS: Readonly<Record<string, PowerAction>> = {
  acpi_shutdown: 'acpiShutdown',
  acpi_reboot: 'acpiReboot',
  guest_shutdown: 'guestShutdown',
  guest_reboot: 'guestReboot',
  reset: 'reset',
  power_cycle: 'powerCycle',
};

const names = (operation: string): [string, string, string] => [
  `${operation}_vm`,
  operation,
  operation.replaceAll('_', ' '),
];

export function vmActionRoutes(app: FastifyInstance, prism: Prism): void {
  for (const [path, action] of Object.entries(POWER_PATHS))
    app.post(`/vms/:uuid/${path}`, (request, reply) => {
      const body = bodyOf(prism, request, powerRequest);
      const task = prism.vms.power(uuidParam(request), action, askerOf(request, 'v3'), stringAt(body, 'task_uuid'));
      return sendJson(reply, 202, { task_uuid: task.uuid });
    });

  app.post('/vms/:uuid/clone', (request, reply) => {
    const body = bodyOf(prism, request, cloneRequest);
    const uuid = reservedUuid(prism, stringAt(objectAt(body, 'metadata'), 'uuid'));
    const options = { ...optional('uuid', uuid), versions: versionsOf(body) };
    const task = prism.vms.clone(uuidParam(request), objectAt(body, 'override_spec'), options, askerOf(request, 'v3'));
    return sendJson(reply, 202, { task_uuid: task.uuid });
  });

  app.post('/vms/:uuid/export', (request, reply) => {
    const body = bodyOf(prism, request, exportRequest);
    const task = prism.vms.act(
      uuidParam(request),
      'vm.export',
      names('export'),
      { export: body },
      askerOf(request, 'v3'),
    );
    return sendJson(reply, 202, { task_uuid: task.uuid });
  });

  app.post('/vms/:uuid/migrate_disks', (request, reply) => {
    const body = bodyOf(prism, request, migrateDisksRequest);
    const input = { migration: body };
    const task = prism.vms.act(uuidParam(request), 'vm.noop', names('migrate_disks'), input, askerOf(request, 'v3'));
    return sendJson(reply, 202, { task_uuid: task.uuid });
  });

  for (const path of ['pause_replication', 'resume_replication'])
    app.post(`/vms/:uuid/${path}`, (request, reply) => {
      bodyOf(prism, request, object({}));
      const task = prism.vms.act(uuidParam(request), 'vm.noop', names(path), {}, askerOf(request, 'v3'));
      return sendJson(reply, 202, { task_uuid: task.uuid });
    });

  app.put('/vms/:uuid/update_ip', (request, reply) => {
    const body = bodyOf(prism, request, updateIpRequest);
    const changes = objectsAt(body, 'update_list').map((update) => {
      const ip = stringAt(update, 'ip');
      return {
        part: stringAt(update, 'uuid') ?? '',
        spec: { ip_endpoint_list: ip === undefined ? [] : [{ ip, type: 'ASSIGNED' }] },
      };
    });
    return sendJson(reply, 202, changeNics(changes, 'VmNicAssignIp', request));
  });

  app.put('/vms/:uuid/release_ip', (request, reply) => {
    const body = bodyOf(prism, request, releaseIpRequest);
    const nics = (body['nic_uuid_list'] ?? []) as string[];
    const changes = nics.map((part) => ({ part, spec: { ip_endpoint_list: [], [RELEASED]: true } }));
    return sendJson(reply, 202, changeNics(changes, 'VmNicReleaseIp', request));
  });

  function changeNics(
    changes: { part: string; spec: JsonObject }[],
    v4Operation: string,
    request: FastifyRequest,
  ): JsonObject {
    const vm = prism.vms.find(uuidParam(request));
    const unknown = changes.find(({ part }) => !vm.config.nics.some(({ uuid }) => uuid === part));
    if (unknown !== undefined) throw new Refusal('invalid', 'vm', vm.uuid, `NIC ${unknown.part} does not exist.`);
    const change = {
      names: ['update_vm_ip', v4Operation, 'Change IP of NIC'] as const,
      list: 'nic_list' as const,
      edit: 'change' as const,
      changes,
      entityKind: 'vm_nic',
    };
    return { task_uuid: prism.vms.changePart(vm.uuid, change, askerOf(request, 'v3')).uuid };
  }

  app.get('/vms/:uuid/ngt', (request, reply) => {
    const vm = prism.vms.find(uuidParam(request));
    return sendJson(reply, 200, {
      uuid: vm.uuid,
      vm_uuid: vm.uuid,
      network_info_list: [],
      script_list: [],
      scripts_executable: [],
    });
  });

  app.post('/vms/:uuid/snapshot', (request, reply) => {
    checkInternal(prism, request.url);
    const body = bodyOf(prism, request, snapshotRequest);
    const expiration = stringAt(body, 'expiration_time');
    const task = prism.vms.snapshot(
      uuidParam(request),
      {
        ...optional('uuid', reservedUuid(prism, stringAt(body, 'vm_recovery_point_uuid'))),
        ...optional('name', stringAt(body, 'name')),
        ...optional('type', stringAt(body, 'recovery_point_type')),
        ...(expiration === undefined ? {} : { expiresAt: Date.parse(expiration) }),
      },
      askerOf(request, 'v3'),
    );
    return sendJson(reply, 202, { task_uuid: task.uuid });
  });

  app.post('/vms/:uuid/revert', (request, reply) => {
    checkInternal(prism, request.url);
    const body = bodyOf(prism, request, revertRequest);
    const point = stringAt(body, 'vm_recovery_point_uuid') ?? '';
    return sendJson(reply, 202, {
      task_uuid: prism.vms.revert(uuidParam(request), point, askerOf(request, 'v3')).uuid,
    });
  });

  app.post('/vms/:uuid/validate_migration', (request, reply) => {
    prism.vms.find(uuidParam(request));
    return sendJson(reply, 200, []);
  });
}

/** @throws Refusal `notFound` where the knob takes the unpublished paths away. */
export function checkInternal(prism: Prism, url: string): void {
  if (!prism.knobs.get('v3.internalPaths')) throw notFound('path', url);
}
