import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { askerOf } from '../http/caller.ts';
import type { CreateRate } from '../http/rate-limit.ts';
import { sendJson } from '../http/reply.ts';
import { objectAt, stringAt } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { TaskRecord, VmRecord } from '../state/records.ts';
import { checkVmSpec } from '../vms/vm-checks.ts';
import { optional } from '../vms/vm-defaults.ts';
import { specResources } from '../vms/vm-resources.ts';
import { listed, single, taskReference } from './envelope.ts';
import { ETAG_MISMATCH, V4Error } from './errors.ts';
import { etagOf, ifMatch } from './etag.ts';
import { bodyOf, extIdParam, once } from './request.ts';
import { vm as vmSchema } from './schemas.ts';
import { categoriesById, idsOf, invalidArgument, specOfBody } from './vm-body.ts';
import { extIdAt, vmView } from './vm-view.ts';

export const TYPE = 'vmm.v4.ahv.config';
const PARTS = ['disks', 'nics', 'cd-roms', 'gpus', 'serial-ports', 'pcie-devices', 'guest-tools'];

export const vmEtag = (vm: VmRecord): string => etagOf(vm.uuid, vm.entityVersion);

/**
 * Checks If-Match against a VM. A stale one is 412, or by the knob a task that fails.
 * @returns that task, when there is one. @throws V4Error
 */
function staleTask(prism: Prism, request: FastifyRequest, vm: VmRecord, required: boolean): TaskRecord | undefined {
  if (ifMatch(request, vmEtag(vm), required)) return undefined;
  if (prism.knobs.get('v4.staleEtag') === 'answer')
    throw new V4Error(412, 'VMM-30303', 'VM_ETAG_MISMATCH', ETAG_MISMATCH, { vm_uuid: vm.uuid });
  return prism.vms.act(vm.uuid, 'vm.stale', ['update_vm', 'VmUpdate', 'Update VM'], {}, askerOf(request, 'v4'));
}

/** Answers a write on a VM with the task that `work` starts. */
export function answerTask(
  prism: Prism,
  request: FastifyRequest,
  reply: FastifyReply,
  options: { type: string; requestIdRequired: boolean; ifMatchRequired: boolean },
  work: (vm: VmRecord) => TaskRecord,
): FastifyReply {
  return once(prism, request, reply, options.requestIdRequired, () => {
    const vm = prism.vms.findMade(extIdParam(request, 'vmExtId'));
    const task = staleTask(prism, request, vm, options.ifMatchRequired) ?? work(vm);
    return { status: 202, body: taskReference(request, task.uuid, `${TYPE}.${options.type}ApiResponse`) };
  });
}

export function vmRoutes(app: FastifyInstance, prism: Prism, createRate: CreateRate): void {
  const lenient = (): boolean => prism.knobs.get('v4.unknownReference') === 'task';

  app.get('/ahv/config/vms', (request, reply) => {
    const now = prism.clock.now();
    const vms = prism.store.all('vm').filter((vm) => vm.listedAt <= now && vm.intent?.creating !== true);
    return sendJson(
      reply,
      200,
      listed(prism, request, vms, (vm) => vmView(prism, vm), `${TYPE}.ListVmsApiResponse`),
    );
  });

  app.get('/ahv/config/vms/:vmExtId', (request, reply) => {
    const vm = prism.vms.findMade(extIdParam(request, 'vmExtId'));
    reply.header('etag', vmEtag(vm));
    return sendJson(reply, 200, single(request, vmView(prism, vm), `${TYPE}.GetVmApiResponse`, PARTS));
  });

  app.post('/ahv/config/vms', (request, reply) => {
    createRate.check();
    return once(prism, request, reply, true, () => {
      const body = bodyOf(prism, request, vmSchema);
      if (stringAt(body, 'name') === undefined) throw invalidArgument('name', '');
      if (body['powerState'] === 'ON' && prism.knobs.get('v4.createPoweredOn') === 'reject')
        throw new V4Error(400, 'VMM-30109', 'VM_INVALID_POWER_STATE', 'A VM cannot be created with power state ON.');
      if (extIdAt(body, 'cluster') === undefined) throw invalidArgument('cluster', '');
      const spec = specOfBody(body);
      checkVmSpec(spec);
      const resources = { ...objectAt(spec, 'resources'), power_state: body['powerState'] === 'ON' ? 'ON' : 'OFF' };
      const metadata = {
        categories: categoriesById(prism, idsOf(body, 'categories')),
        ...optional('projectUuid', extIdAt(body, 'project')),
        ...optional('ownerUuid', extIdAt(objectAt(body, 'ownershipInfo'), 'owner')),
      };
      const asker = askerOf(request, 'v4');
      const { task } = prism.vms.create({ ...spec, resources }, metadata, undefined, lenient(), asker);
      return { status: 202, body: taskReference(request, task.uuid, `${TYPE}.CreateVmApiResponse`) };
    });
  });

  app.put('/ahv/config/vms/:vmExtId', (request, reply) =>
    answerTask(prism, request, reply, { type: 'UpdateVm', requestIdRequired: false, ifMatchRequired: true }, (vm) => {
      const body = bodyOf(prism, request, vmSchema);
      const spec = specOfBody(body);
      const current = specResources(prism.site, vm);
      // Devices are changed through their own paths, so the body's are only what the client had read.
      const resources = {
        ...objectAt(spec, 'resources'),
        ...optional(
          'guest_customization',
          objectAt(spec, 'resources')['guest_customization'] ?? vm.config.guestCustomization,
        ),
        disk_list: current['disk_list'],
        nic_list: current['nic_list'],
        serial_port_list: current['serial_port_list'],
        gpu_list: current['gpu_list'],
        guest_tools: vm.config.guestTools,
        power_state: vm.power === 'OFF' ? 'OFF' : 'ON',
      };
      const metadata = {
        ...(body['categories'] === undefined ? {} : { categories: categoriesById(prism, idsOf(body, 'categories')) }),
        ...optional('projectUuid', extIdAt(body, 'project')),
        ...optional('ownerUuid', extIdAt(objectAt(body, 'ownershipInfo'), 'owner')),
      };
      const named = { ...spec, name: stringAt(spec, 'name') ?? vm.name, resources };
      return prism.vms.update(vm.uuid, named, metadata, {}, lenient(), askerOf(request, 'v4')).task;
    }),
  );

  app.delete('/ahv/config/vms/:vmExtId', (request, reply) =>
    answerTask(
      prism,
      request,
      reply,
      { type: 'DeleteVm', requestIdRequired: false, ifMatchRequired: true },
      (vm) => prism.vms.delete(vm.uuid, askerOf(request, 'v4')).task,
    ),
  );
}
