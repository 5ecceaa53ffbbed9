import type { FastifyInstance } from 'fastify';
import { sendJson } from '../http/reply.ts';
import { booleanAt, compact, numberAt, objectAt, objectsAt, stringAt, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import { addressPlan, poolUsage, subnetUsage } from '../state/ipam.ts';
import type { EntityRecord } from '../state/records.ts';
import { ipAddress } from './cluster.routes.ts';
import { listed, single } from './envelope.ts';
import { etagOf } from './etag.ts';
import { extIdParam } from './request.ts';

const TYPE = 'networking.v4.config';

const ipv4 = (value: string): JsonObject => ({ $objectType: 'common.v1.config.IPv4Address', value, prefixLength: 32 });

const poolView = (range: string): JsonObject => {
  const [first = '', last = ''] = range.split(' ');
  return { $objectType: `${TYPE}.IPv4Pool`, startIp: ipv4(first), endIp: ipv4(last) };
};

function ipConfig(resources: JsonObject): JsonObject[] | undefined {
  const config = objectAt(resources, 'ip_config');
  const network = stringAt(config, 'subnet_ip');
  if (network === undefined) return undefined;
  const gateway = stringAt(config, 'default_gateway_ip');
  const dhcp = stringAt(objectAt(config, 'dhcp_server_address'), 'ip');
  return [
    {
      $objectType: `${TYPE}.IPConfig`,
      ipv4: compact({
        $objectType: `${TYPE}.IPv4Config`,
        ipSubnet: {
          $objectType: `${TYPE}.IPv4Subnet`,
          ip: ipv4(network),
          prefixLength: numberAt(config, 'prefix_length'),
        },
        defaultGatewayIp: gateway === undefined ? undefined : ipv4(gateway),
        dhcpServerAddress: dhcp === undefined ? undefined : ipv4(dhcp),
        poolList: objectsAt(config, 'pool_list').map((pool) => poolView(stringAt(pool, 'range') ?? '')),
      }),
    },
  ];
}

function ipUsage(prism: Prism, subnet: EntityRecord): JsonObject | undefined {
  const plan = addressPlan(subnet.resources);
  if (plan === undefined) return undefined;
  const taken = prism.site.addresses.taken(subnet.uuid);
  const { assigned, free } = subnetUsage(plan, taken);
  return {
    $objectType: `${TYPE}.IPUsage`,
    numMacs: prism.site.addresses.macs(subnet.uuid),
    numFreeIPs: free,
    numAssignedIPs: assigned,
    ipPoolUsages: poolUsage(plan, taken).map((usage) => ({
      $objectType: `${TYPE}.IPPoolUsage`,
      numFreeIPs: usage.free,
      numTotalIPs: usage.total,
      range: poolView(usage.range),
    })),
  };
}

function subnetView(prism: Prism, subnet: EntityRecord): JsonObject {
  const { resources } = subnet;
  const options = objectAt(objectAt(resources, 'ip_config'), 'dhcp_options');
  const servers = options['domain_name_server_list'];
  return compact({
    $objectType: `${TYPE}.Subnet`,
    extId: subnet.uuid,
    name: subnet.name,
    description: subnet.description,
    subnetType: stringAt(resources, 'subnet_type'),
    networkId: numberAt(resources, 'vlan_id'),
    clusterReference: subnet.clusterUuid,
    clusterName: subnet.clusterUuid === undefined ? undefined : prism.store.get('cluster', subnet.clusterUuid)?.name,
    virtualSwitchReference: stringAt(resources, 'virtual_switch_uuid'),
    vpcReference: stringAt(objectAt(resources, 'vpc_reference'), 'uuid'),
    bridgeName: stringAt(resources, 'vswitch_name'),
    isExternal: booleanAt(resources, 'is_external') ?? false,
    isNatEnabled: booleanAt(resources, 'enable_nat'),
    isAdvancedNetworking: booleanAt(resources, 'advanced_networking') ?? false,
    hypervisorType: 'acropolis',
    dhcpOptions: compact({
      $objectType: `${TYPE}.DhcpOptions`,
      domainNameServers: Array.isArray(servers) ? servers.map((server) => ipAddress(String(server))) : undefined,
      domainName: stringAt(options, 'domain_name'),
      searchDomains: options['domain_search_list'],
    }),
    ipConfig: ipConfig(resources),
    ipUsage: ipUsage(prism, subnet),
  });
}

export function subnetRoutes(app: FastifyInstance, prism: Prism): void {
  app.get('/config/subnets', (request, reply) =>
    sendJson(
      reply,
      200,
      listed(
        prism,
        request,
        prism.store.all('subnet'),
        (subnet) => subnetView(prism, subnet),
        `${TYPE}.ListSubnetsApiResponse`,
      ),
    ),
  );

  app.get('/config/subnets/:extId', (request, reply) => {
    const subnet = prism.entities.find('subnet', extIdParam(request));
    reply.header('etag', etagOf(subnet.uuid, subnet.specVersion));
    return sendJson(reply, 200, single(request, subnetView(prism, subnet), `${TYPE}.GetSubnetApiResponse`));
  });
}
