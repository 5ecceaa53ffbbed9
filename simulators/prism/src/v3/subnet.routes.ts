import type { FastifyInstance } from 'fastify';
import { numberAt, objectAt, stringAt, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import { addressPlan, contains, poolUsage, subnetUsage } from '../state/ipam.ts';
import type { EntityRecord } from '../state/records.ts';
import { Refusal } from '../vms/refusal.ts';
import { entityRoutes } from './entity.routes.ts';
import { subnetIntent } from './schemas/infrastructure.ts';

export function subnetRoutes(app: FastifyInstance, prism: Prism): void {
  entityRoutes(app, prism, {
    kind: 'subnet',
    path: 'subnets',
    schema: subnetIntent,
    live: (subnet) => liveUsage(prism, subnet),
    checkSpec: checkSubnet,
    attribute: (subnet, attribute) => {
      if (attribute === 'subnet_type') return [stringAt(subnet.resources, 'subnet_type') ?? ''];
      if (attribute === 'vlan_id') {
        const vlan = numberAt(subnet.resources, 'vlan_id');
        return vlan === undefined ? [] : [vlan];
      }
      if (attribute === 'cluster_uuid' || attribute === 'cluster')
        return subnet.clusterUuid === undefined ? [] : [subnet.clusterUuid];
      if (attribute === 'cluster_name') {
        const name = prism.store.get('cluster', subnet.clusterUuid ?? '')?.name;
        return name === undefined ? [] : [name];
      }
      return undefined;
    },
  });
}

/** `ip_usage_stats` of a managed subnet; an unmanaged one has none. */
function liveUsage(prism: Prism, subnet: EntityRecord): JsonObject {
  const plan = addressPlan(subnet.resources);
  if (plan === undefined) return {};
  const taken = prism.site.addresses.taken(subnet.uuid);
  const { assigned, free } = subnetUsage(plan, taken);
  return {
    ip_usage_stats: {
      num_macs: prism.site.addresses.macs(subnet.uuid),
      num_free_ips: free,
      num_assigned_ips: assigned,
      ip_pools_stats: poolUsage(plan, taken).map(({ range, total, free: left }) => ({
        range,
        num_free_ips: left,
        num_total_ips: total,
      })),
    },
  };
}

/** @throws Refusal `invalid` */
function checkSubnet(spec: JsonObject): void {
  const resources = objectAt(spec, 'resources');
  const refuse = (message: string): never => {
    throw new Refusal('invalid', 'subnet', '', message);
  };
  const overlay = stringAt(resources, 'subnet_type') === 'OVERLAY';
  if (overlay && resources['vpc_reference'] === undefined) refuse('vpc_reference is required for an OVERLAY subnet.');
  if (!overlay && spec['cluster_reference'] === undefined) refuse('cluster_reference is required for a VLAN subnet.');
  if (!overlay && resources['vlan_id'] === undefined) refuse('vlan_id is required for a VLAN subnet.');
  if (resources['ip_config'] === undefined) return;
  const plan = addressPlan(resources);
  if (plan === undefined) return refuse('ip_config needs subnet_ip and prefix_length.');
  for (const pool of plan.pools)
    if (pool.first > pool.last || !contains(plan, pool.first) || !contains(plan, pool.last))
      refuse(`IP pool ${pool.range} does not lie in the subnet.`);
}
