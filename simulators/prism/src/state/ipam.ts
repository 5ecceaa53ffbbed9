import { objectAt, objectsAt, stringAt, numberAt, type JsonObject } from '../json.ts';

/** An IPv4 address as a number, or undefined when the text is none. */
export function toNumber(ip: string): number | undefined {
  const parts = ip.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

export const toText = (value: number): string =>
  [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.');

export interface Pool {
  readonly range: string;
  readonly first: number;
  readonly last: number;
}

/** What a managed subnet may give out. */
export interface AddressPlan {
  readonly network: number;
  readonly prefixLength: number;
  readonly pools: readonly Pool[];
  /** Gateway, DHCP server and reserved addresses. */
  readonly reserved: ReadonlySet<number>;
}

/** The plan in `spec.resources` of a subnet; undefined for an unmanaged one, which has no `ip_config`. */
export function addressPlan(resources: JsonObject): AddressPlan | undefined {
  const config = objectAt(resources, 'ip_config');
  const network = toNumber(stringAt(config, 'subnet_ip') ?? '');
  const prefixLength = numberAt(config, 'prefix_length');
  if (network === undefined || prefixLength === undefined) return undefined;
  const pools = objectsAt(config, 'pool_list').flatMap((pool) => {
    const range = stringAt(pool, 'range') ?? '';
    const [first, last] = range.split(' ').map(toNumber);
    return first !== undefined && last !== undefined ? [{ range, first, last }] : [];
  });
  const reservedTexts = resources['reserved_ip_address_list'];
  const reserved = [
    stringAt(config, 'default_gateway_ip'),
    stringAt(objectAt(config, 'dhcp_server_address'), 'ip'),
    ...(Array.isArray(reservedTexts) ? reservedTexts : []),
  ].flatMap((ip) => (typeof ip === 'string' ? (toNumber(ip) ?? []) : []));
  return { network, prefixLength, pools, reserved: new Set(reserved) };
}

const size = (plan: AddressPlan): number => 2 ** (32 - plan.prefixLength);

/** Whether an address can belong to a host of the subnet: inside it, neither its network nor its broadcast address. */
export function contains(plan: AddressPlan, ip: number): boolean {
  const start = plan.network - (plan.network % size(plan));
  return ip > start && ip < start + size(plan) - 1;
}

/** The lowest free address of the pools, or undefined when they are used up. */
export function nextFree(plan: AddressPlan, taken: ReadonlySet<number>): number | undefined {
  for (const pool of plan.pools)
    for (let ip = pool.first; ip <= pool.last; ip++) if (!taken.has(ip) && !plan.reserved.has(ip)) return ip;
  return undefined;
}

export interface PoolUsage {
  readonly range: string;
  readonly total: number;
  readonly free: number;
}

export function poolUsage(plan: AddressPlan, taken: ReadonlySet<number>): PoolUsage[] {
  return plan.pools.map((pool) => {
    const total = pool.last - pool.first + 1;
    const used = [...taken].filter((ip) => ip >= pool.first && ip <= pool.last).length;
    return { range: pool.range, total, free: total - used };
  });
}

/**
 * Counts as Prism shows them: network, broadcast, gateway and DHCP server count as assigned, and free is the rest of the subnet,
 * whether a pool covers it or not. Source: the recorded subnets of pc.2024.1 (36 MACs, 40 assigned, 216 free in a /24).
 */
export function subnetUsage(plan: AddressPlan, taken: ReadonlySet<number>): { assigned: number; free: number } {
  const assigned = new Set([...taken, ...plan.reserved]).size + 2;
  return { assigned, free: Math.max(0, size(plan) - assigned) };
}
