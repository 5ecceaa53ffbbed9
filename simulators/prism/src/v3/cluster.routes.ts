import type { FastifyInstance } from 'fastify';
import { sendJson } from '../http/reply.ts';
import { compact, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { ClusterRecord } from '../state/records.ts';
import { seconds } from '../time.ts';
import { notFound } from '../vms/refusal.ts';
import { SPEC_HASH } from './envelope.ts';
import { commonAttributes, listAnswer } from './list.ts';
import { bodyOf, uuidParam } from './request.ts';
import { listRequest } from './schemas/metadata.ts';

export const COMMIT = '49c0ffee49c0ffee49c0ffee49c0ffee49c0ffee';

function clusterBody(prism: Prism, cluster: ClusterRecord, inList: boolean): JsonObject {
  const central = cluster.function === 'PRISM_CENTRAL';
  const software: JsonObject = {
    NOS: { software_type: 'NOS', status: 'INSTALLED', version: cluster.version },
    NCC: { software_type: 'NCC', status: 'INSTALLED', version: 'ncc-5.3.0' },
  };
  const settings: JsonObject = {
    software_map: software,
    encryption_status: 'NOT_SUPPORTED',
    supported_information_verbosity: 'BASIC_PLUS_CORE_DUMP',
    redundancy_factor: 2,
    domain_awareness_level: 'NODE',
    enabled_feature_list: ['PASSWORD_REMOTE_LOGIN_ENABLED', 'SHADOW_CLONES_ENABLED'],
    timezone: 'UTC',
    operation_mode: 'NORMAL',
  };
  const network: JsonObject = compact({
    external_ip: cluster.externalIp,
    external_subnet: cluster.externalSubnet,
    external_data_services_ip: cluster.dataServicesIp,
    internal_subnet: '192.168.5.0/255.255.255.128',
    name_server_ip_list: ['10.0.0.2'],
    ntp_server_ip_list: ['0.pool.ntp.org', '1.pool.ntp.org'],
  });
  const config: JsonObject = {
    ...settings,
    service_list: [cluster.function],
    is_available: true,
    cluster_arch: 'X86_64',
    build: {
      build_type: 'release',
      version: cluster.version,
      full_version: `el8.5-release-ganges-${cluster.version}-stable-${COMMIT}`,
      commit_id: COMMIT,
      short_commit_id: COMMIT.slice(0, 6),
      is_long_term_support: false,
    },
  };
  const hosts = prism.store.all('host').filter(({ clusterUuid }) => clusterUuid === cluster.uuid);
  const servers = [
    ...hosts.map((host) => ({ ip: host.ip, type: 'AHV', version: host.hypervisorVersion })),
    // Every recorded cluster lists this one.
    { ip: '127.0.0.1', type: 'AHV', version: '' },
  ];
  return {
    ...(inList ? {} : { api_version: '3.1' }),
    status: {
      name: cluster.name,
      state: 'COMPLETE',
      resources: central ? { config } : { config, nodes: { hypervisor_server_list: servers }, network },
    },
    metadata: {
      uuid: cluster.uuid,
      spec_hash: SPEC_HASH,
      spec_version: cluster.specVersion,
      categories: {},
      categories_mapping: {},
      creation_time: seconds(cluster.createdAt),
      last_update_time: seconds(cluster.createdAt),
      kind: 'cluster',
    },
    spec: { name: cluster.name, resources: central ? {} : { config: settings, network } },
  };
}

export function clusterRoutes(app: FastifyInstance, prism: Prism): void {
  app.post('/clusters/list', (request, reply) => {
    const body = bodyOf(prism, request, listRequest('cluster'));
    return sendJson(
      reply,
      200,
      listAnswer(prism, body, {
        kind: 'cluster',
        entities: prism.store.all('cluster'),
        lookup: (cluster, attribute) => commonAttributes(cluster)[attribute],
        view: (cluster) => clusterBody(prism, cluster, true),
        bareMetadata: true,
      }),
    );
  });

  app.get('/clusters/:uuid', (request, reply) => {
    const uuid = uuidParam(request);
    const cluster = prism.store.get('cluster', uuid);
    if (cluster === undefined) throw notFound('cluster', uuid);
    return sendJson(reply, 200, clusterBody(prism, cluster, false));
  });
}
