import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { askerOf } from '../http/caller.ts';
import { sendJson } from '../http/reply.ts';
import { compact, objectAt, stringAt, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { VmRecord } from '../state/records.ts';
import { RELEASED } from '../vms/nic-list.ts';
import { notFound } from '../vms/refusal.ts';
import type { PartChange } from '../vms/vm-service.ts';
import type { Schema } from '../v3/schema.ts';
import { listed, single } from './envelope.ts';
import { bodyOf, extIdParam } from './request.ts';
import { assignIpParams, cdRom, disk, empty, insertParams, nic } from './schemas.ts';
import { answerTask, TYPE, vmEtag } from './vm.routes.ts';
import { cdRomSpec, diskSpec, mediaSpec, nicSpec } from './vm-body.ts';
import { cdRomView, diskView, nicView, serialPortView } from './vm-view.ts';

interface PartKind {
  readonly path: string;
  /** As in operation and type names. */
  readonly name: string;
  readonly list: PartChange['list'];
  readonly entityKind: string;
  readonly schema: Schema;
  readonly views: (prism: Prism, vm: VmRecord) => JsonObject[];
  readonly spec: (body: JsonObject) => JsonObject;
}

const KINDS: readonly PartKind[] = [
  {
    path: 'disks',
    name: 'Disk',
    list: 'disk_list',
    entityKind: 'vm_disk',
    schema: disk,
    views: (_prism, vm) => vm.config.disks.filter(({ deviceType }) => deviceType !== 'CDROM').map(diskView),
    spec: diskSpec,
  },
  {
    path: 'cd-roms',
    name: 'CdRom',
    list: 'disk_list',
    entityKind: 'vm_cdrom',
    schema: cdRom,
    views: (_prism, vm) => vm.config.disks.filter(({ deviceType }) => deviceType === 'CDROM').map(cdRomView),
    spec: cdRomSpec,
  },
  {
    path: 'nics',
    name: 'Nic',
    list: 'nic_list',
    entityKind: 'vm_nic',
    schema: nic,
    views: (prism, vm) =>
      vm.config.nics.map((record) => nicView(prism, record, (vm.addressesHiddenUntil ?? 0) > prism.clock.now())),
    spec: nicSpec,
  },
];

export function vmPartRoutes(app: FastifyInstance, prism: Prism): void {
  const vmOf = (request: FastifyRequest): VmRecord => prism.vms.findMade(extIdParam(request, 'vmExtId'));
  const partOf = (kind: PartKind, request: FastifyRequest, vm: VmRecord): JsonObject => {
    const id = extIdParam(request);
    const view = kind.views(prism, vm).find((candidate) => stringAt(candidate, 'extId') === id);
    if (view === undefined) throw notFound(kind.entityKind, id);
    return view;
  };
  const change = (
    request: FastifyRequest,
    reply: FastifyReply,
    kind: PartKind,
    verb: string,
    ifMatchRequired: boolean,
    make: (vm: VmRecord) => Pick<PartChange, 'edit' | 'part' | 'spec' | 'changes'>,
  ): FastifyReply =>
    answerTask(
      prism,
      request,
      reply,
      { type: `${verb}${kind.name}`, requestIdRequired: false, ifMatchRequired },
      (vm) =>
        prism.vms.changePart(
          vm.uuid,
          {
            ...make(vm),
            names: [`${verb.toLowerCase()}_${kind.entityKind}`, `Vm${kind.name}${verb}`, `${verb} ${kind.name} of VM`],
            list: kind.list,
            entityKind: kind.entityKind,
          },
          askerOf(request, 'v4'),
        ),
    );
  const onParts = (): boolean => prism.knobs.get('v4.ifMatchOnParts');

  for (const kind of KINDS) {
    const path = `/ahv/config/vms/:vmExtId/${kind.path}`;

    app.get(path, (request, reply) => {
      const views = kind.views(prism, vmOf(request));
      return sendJson(
        reply,
        200,
        listed(prism, request, views, (view) => view, `${TYPE}.List${kind.name}sApiResponse`),
      );
    });

    app.get(`${path}/:extId`, (request, reply) => {
      const vm = vmOf(request);
      reply.header('etag', vmEtag(vm));
      return sendJson(reply, 200, single(request, partOf(kind, request, vm), `${TYPE}.Get${kind.name}ApiResponse`));
    });

    app.post(path, (request, reply) =>
      change(request, reply, kind, 'Create', onParts(), () => ({
        edit: 'add',
        spec: kind.spec(bodyOf(prism, request, kind.schema)),
      })),
    );

    app.put(`${path}/:extId`, (request, reply) =>
      change(request, reply, kind, 'Update', true, (vm) => {
        const part = stringAt(partOf(kind, request, vm), 'extId') ?? '';
        return { edit: 'change', part, changes: [{ part, spec: kind.spec(bodyOf(prism, request, kind.schema)) }] };
      }),
    );

    app.delete(`${path}/:extId`, (request, reply) =>
      change(request, reply, kind, 'Delete', onParts(), (vm) => ({
        edit: 'remove',
        part: stringAt(partOf(kind, request, vm), 'extId') ?? '',
      })),
    );
  }

  const action = (
    kind: PartKind,
    name: string,
    verb: string,
    schema: Schema,
    spec: (body: JsonObject) => JsonObject,
  ): void => {
    app.post(`/ahv/config/vms/:vmExtId/${kind.path}/:extId/$actions/${name}`, (request, reply) =>
      change(request, reply, kind, verb, prism.knobs.get('v4.ifMatchOnActions'), (vm) => {
        const part = stringAt(partOf(kind, request, vm), 'extId') ?? '';
        return { edit: 'change', part, changes: [{ part, spec: spec(bodyOf(prism, request, schema)) }] };
      }),
    );
  };
  const [, cdRoms, nics] = KINDS as [PartKind, PartKind, PartKind];

  action(cdRoms, 'insert', 'Insert', insertParams, (body) => mediaSpec(objectAt(body, 'backingInfo')));
  action(cdRoms, 'eject', 'Eject', empty, () => ({
    data_source_reference: null,
    disk_size_bytes: null,
    disk_size_mib: null,
    storage_config: null,
  }));
  action(nics, 'assign-ip', 'AssignIpTo', assignIpParams, (body) => {
    const ip = stringAt(objectAt(body, 'ipAddress'), 'value');
    return { ip_endpoint_list: ip === undefined ? [] : [{ ip, type: 'ASSIGNED' }] };
  });
  action(nics, 'release-ip', 'ReleaseIpOf', empty, () => ({ ip_endpoint_list: [], [RELEASED]: true }));

  app.get('/ahv/config/vms/:vmExtId/serial-ports', (request, reply) => {
    const vm = vmOf(request);
    const views = vm.config.serialPorts.map((port) => serialPortView(vm, port));
    return sendJson(
      reply,
      200,
      listed(prism, request, views, (view) => view, `${TYPE}.ListSerialPortsApiResponse`),
    );
  });

  for (const [path, name] of [
    ['gpus', 'Gpus'],
    ['pcie-devices', 'PcieDevices'],
  ] as const)
    app.get(`/ahv/config/vms/:vmExtId/${path}`, (request, reply) => {
      vmOf(request);
      return sendJson(
        reply,
        200,
        listed(prism, request, [], (view: JsonObject) => view, `${TYPE}.List${name}ApiResponse`),
      );
    });

  app.get('/ahv/config/vms/:vmExtId/guest-tools', (request, reply) => {
    const tools = objectAt(vmOf(request).config.guestTools, 'nutanix_guest_tools');
    const view = compact({
      $objectType: `${TYPE}.GuestTools`,
      version: stringAt(tools, 'version'),
      isInstalled: tools['ngt_state'] === 'INSTALLED',
      isEnabled: tools['state'] === 'ENABLED',
      isIsoInserted: tools['iso_mount_state'] === 'MOUNTED',
      isReachable: false,
    });
    return sendJson(reply, 200, single(request, view, `${TYPE}.GetGuestToolsApiResponse`));
  });
}
