import type { FastifyInstance } from 'fastify';
import { sendJson } from '../http/reply.ts';
import { stableUuid } from '../identity.ts';
import type { JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { HostRecord } from '../state/records.ts';
import { seconds } from '../time.ts';
import { notFound } from '../vms/refusal.ts';
import { SPEC_HASH } from './envelope.ts';
import { commonAttributes, listAnswer } from './list.ts';
import { bodyOf, uuidParam } from './request.ts';
import { listRequest } from './schemas/metadata.ts';

function hostBody(prism: Prism, host: HostRecord, inList: boolean): JsonObject {
  // The reference has no name, as recorded.
  const cluster = { kind: 'cluster', uuid: host.clusterUuid };
  return {
    ...(inList ? {} : { api_version: '3.1' }),
    status: {
      name: host.name,
      state: 'COMPLETE',
      cluster_reference: cluster,
      resources: {
        serial_number: host.serial,
        ipmi: { ip: host.ipmiIp },
        host_type: 'HYPER_CONVERGED',
        cpu_model: host.cpuModel,
        num_cpu_sockets: host.cpuSockets,
        num_cpu_cores: host.cpuCores,
        cpu_capacity_hz: host.cpuHz * host.cpuCores,
        memory_capacity_mib: host.memoryMiB,
        gpu_list: [],
        host_nics_id_list: [],
        host_disks_reference_list: [],
        monitoring_state: 'kNormal',
        hypervisor: {
          num_vms: prism.site.hosts.vms(host.uuid),
          ip: host.ip,
          hypervisor_full_name: `Nutanix ${host.hypervisorVersion}`,
        },
        controller_vm: { ip: host.controllerVmIp, oplog_usage: { oplog_disk_pct: 0, oplog_disk_size: 0 } },
        block: { block_serial_number: host.blockSerial, block_model: host.blockModel },
      },
    },
    spec: { name: host.name, resources: {} },
    metadata: {
      kind: 'host',
      uuid: host.uuid,
      spec_hash: SPEC_HASH,
      spec_version: 0,
      categories: {},
      categories_mapping: {},
      creation_time: seconds(host.createdAt),
      last_update_time: seconds(host.createdAt),
    },
  };
}

/** Prism Central's own node is in the list too: without a name, a hypervisor or a processor. */
function centralHostBody(prism: Prism): JsonObject {
  const central = prism.site.prismCentral;
  return {
    status: {
      state: 'COMPLETE',
      cluster_reference: { kind: 'cluster', uuid: central.uuid },
      resources: {
        gpu_list: [],
        host_nics_id_list: [],
        monitoring_state: 'kNormal',
        controller_vm: { ip: '10.0.0.9' },
      },
    },
    spec: { resources: {} },
    metadata: {
      kind: 'host',
      uuid: stableUuid(`host:${central.uuid}`),
      spec_hash: SPEC_HASH,
      spec_version: 0,
      categories: {},
      categories_mapping: {},
      creation_time: seconds(central.createdAt),
      last_update_time: seconds(central.createdAt),
    },
  };
}

/** A host of a hosting cluster, or Prism Central's own. */
type ListedHost = HostRecord | 'central';

export function hostRoutes(app: FastifyInstance, prism: Prism): void {
  app.post('/hosts/list', (request, reply) => {
    const body = bodyOf(prism, request, listRequest('host'));
    return sendJson(
      reply,
      200,
      listAnswer<ListedHost>(prism, body, {
        kind: 'host',
        entities: [...prism.store.all('host'), ...(prism.knobs.get('v3.centralHost') ? (['central'] as const) : [])],
        lookup: (host, attribute) => {
          if (host === 'central') return attribute === 'cluster_uuid' ? [prism.site.prismCentral.uuid] : [];
          return attribute === 'cluster_uuid' ? [host.clusterUuid] : commonAttributes(host)[attribute];
        },
        view: (host) => (host === 'central' ? centralHostBody(prism) : hostBody(prism, host, true)),
        ignorePaging: prism.knobs.get('v3.hostsIgnorePaging'),
      }),
    );
  });

  app.get('/hosts/:uuid', (request, reply) => {
    const uuid = uuidParam(request);
    const host = prism.store.get('host', uuid);
    if (host === undefined) throw notFound('host', uuid);
    return sendJson(reply, 200, hostBody(prism, host, false));
  });
}
