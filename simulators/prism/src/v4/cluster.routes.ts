import type { FastifyInstance } from 'fastify';
import { sendJson } from '../http/reply.ts';
import { compact, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { ClusterRecord, HostRecord } from '../state/records.ts';
import { notFound } from '../vms/refusal.ts';
import { COMMIT } from '../v3/cluster.routes.ts';
import { listed, single } from './envelope.ts';
import { etagOf } from './etag.ts';
import { extIdParam } from './request.ts';

const TYPE = 'clustermgmt.v4.config';

export const ipAddress = (value: string): JsonObject => ({
  $objectType: 'common.v1.config.IPAddress',
  ipv4: { $objectType: 'common.v1.config.IPv4Address', value, prefixLength: 32 },
});

function clusterView(prism: Prism, cluster: ClusterRecord): JsonObject {
  const hosts = prism.store.all('host').filter(({ clusterUuid }) => clusterUuid === cluster.uuid);
  const hosting = cluster.function === 'AOS';
  return compact({
    $objectType: `${TYPE}.Cluster`,
    extId: cluster.uuid,
    name: cluster.name,
    config: {
      $objectType: `${TYPE}.ClusterConfigReference`,
      buildInfo: {
        $objectType: `${TYPE}.BuildReference`,
        buildType: 'release',
        version: cluster.version,
        fullVersion: `el8.5-release-ganges-${cluster.version}-stable-${COMMIT}`,
        commitId: COMMIT,
        shortCommitId: COMMIT.slice(0, 6),
      },
      ...(hosting ? { hypervisorTypes: ['AHV'] } : {}),
      clusterFunction: [cluster.function],
      timezone: 'UTC',
      redundancyFactor: 2,
      isAvailable: true,
      operationMode: 'NORMAL',
      clusterArch: 'X86_64',
      isLts: false,
      clusterSoftwareMap: [
        { $objectType: `${TYPE}.SoftwareMapReference`, softwareType: 'NOS', version: cluster.version },
        { $objectType: `${TYPE}.SoftwareMapReference`, softwareType: 'NCC', version: 'ncc-5.3.0' },
      ],
    },
    network: compact({
      $objectType: `${TYPE}.ClusterNetworkReference`,
      externalAddress: cluster.externalIp === undefined ? undefined : ipAddress(cluster.externalIp),
      externalDataServiceIp: cluster.dataServicesIp === undefined ? undefined : ipAddress(cluster.dataServicesIp),
      externalSubnet: cluster.externalSubnet,
      internalSubnet: '192.168.5.0/255.255.255.128',
      nameServerIpList: [ipAddress('10.0.0.2')],
    }),
    nodes: hosting
      ? {
          $objectType: `${TYPE}.NodeReference`,
          numberOfNodes: hosts.length,
          nodeList: hosts.map((host) => ({
            $objectType: `${TYPE}.NodeListItemReference`,
            nodeUuid: host.uuid,
            hostIp: ipAddress(host.ip),
            controllerVmIp: ipAddress(host.controllerVmIp),
          })),
        }
      : undefined,
    vmCount: hosting
      ? prism.store.all('vm').filter(({ clusterUuid }) => clusterUuid === cluster.uuid).length
      : undefined,
    inefficientVmCount: hosting ? 0 : undefined,
  });
}

function hostView(prism: Prism, host: HostRecord): JsonObject {
  return {
    $objectType: `${TYPE}.Host`,
    extId: host.uuid,
    hostName: host.name,
    hostType: 'HYPER_CONVERGED',
    cluster: {
      $objectType: `${TYPE}.ClusterReference`,
      uuid: host.clusterUuid,
      name: prism.store.get('cluster', host.clusterUuid)?.name ?? '',
    },
    hypervisor: {
      $objectType: `${TYPE}.HypervisorReference`,
      externalAddress: ipAddress(host.ip),
      userName: 'root',
      fullName: `Nutanix ${host.hypervisorVersion}`,
      type: 'AHV',
      numberOfVms: prism.site.hosts.vms(host.uuid),
      state: 'ACROPOLIS_NORMAL',
      acropolisConnectionState: 'CONNECTED',
    },
    controllerVm: {
      $objectType: `${TYPE}.ControllerVmReference`,
      externalAddress: ipAddress(host.controllerVmIp),
      isInMaintenanceMode: false,
    },
    ipmi: { $objectType: `${TYPE}.IpmiReference`, ip: ipAddress(host.ipmiIp), username: 'ADMIN' },
    cpuModel: host.cpuModel,
    cpuCapacityHz: host.cpuHz * host.cpuCores,
    cpuFrequencyHz: host.cpuHz,
    numberOfCpuSockets: host.cpuSockets,
    numberOfCpuCores: host.cpuCores,
    numberOfCpuThreads: host.cpuCores * 2,
    memorySizeBytes: host.memoryMiB * 1024 * 1024,
    blockModel: host.blockModel,
    blockSerial: host.blockSerial,
    nodeSerial: host.serial,
    nodeStatus: 'NORMAL',
    maintenanceState: 'normal',
  };
}

export function clusterRoutes(app: FastifyInstance, prism: Prism): void {
  const find = (id: string): ClusterRecord => {
    const cluster = prism.store.get('cluster', id);
    if (cluster === undefined) throw notFound('cluster', id);
    return cluster;
  };
  const findHost = (id: string): HostRecord => {
    const host = prism.store.get('host', id);
    if (host === undefined) throw notFound('host', id);
    return host;
  };

  app.get('/config/clusters', (request, reply) =>
    sendJson(
      reply,
      200,
      listed(
        prism,
        request,
        prism.store.all('cluster'),
        (cluster) => clusterView(prism, cluster),
        `${TYPE}.ListClustersApiResponse`,
      ),
    ),
  );

  app.get('/config/clusters/:extId', (request, reply) => {
    const cluster = find(extIdParam(request));
    reply.header('etag', etagOf(cluster.uuid, cluster.specVersion));
    return sendJson(reply, 200, single(request, clusterView(prism, cluster), `${TYPE}.GetClusterApiResponse`));
  });

  app.get('/config/clusters/:clusterExtId/hosts', (request, reply) => {
    const { uuid } = find(extIdParam(request, 'clusterExtId'));
    const hosts = prism.store.all('host').filter(({ clusterUuid }) => clusterUuid === uuid);
    const type = `${TYPE}.ListHostsByClusterIdApiResponse`;
    return sendJson(
      reply,
      200,
      listed(prism, request, hosts, (host) => hostView(prism, host), type),
    );
  });

  app.get('/config/clusters/:clusterExtId/hosts/:extId', (request, reply) => {
    find(extIdParam(request, 'clusterExtId'));
    return sendJson(
      reply,
      200,
      single(request, hostView(prism, findHost(extIdParam(request))), `${TYPE}.GetHostApiResponse`),
    );
  });

  app.get('/config/hosts', (request, reply) =>
    sendJson(
      reply,
      200,
      listed(prism, request, prism.store.all('host'), (host) => hostView(prism, host), `${TYPE}.ListHostsApiResponse`),
    ),
  );

  app.get('/config/storage-containers', (request, reply) =>
    sendJson(
      reply,
      200,
      listed(
        prism,
        request,
        prism.store.all('container'),
        (container) => ({
          $objectType: `${TYPE}.StorageContainer`,
          extId: container.uuid,
          containerExtId: container.uuid,
          name: container.name,
          clusterExtId: container.clusterUuid,
          clusterName: prism.store.get('cluster', container.clusterUuid)?.name ?? '',
          maxCapacityBytes: container.capacityBytes,
          replicationFactor: 2,
          isCompressionEnabled: true,
          isInternal: false,
        }),
        `${TYPE}.ListStorageContainersApiResponse`,
      ),
    ),
  );
}
