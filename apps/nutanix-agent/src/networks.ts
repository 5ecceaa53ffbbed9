import type { Network } from '@polyvirt/contracts';
import { networkFacts, type NetworkFacet } from '@polyvirt/hypervisor';
import { numberAt, objectAt, objectsAt, textAt, type JsonObject } from './client/json.ts';
import type { Pages } from './client/paging.ts';
import type { Clusters } from './clusters.ts';
import { clusterOf, nameOf, uuidOf } from './vm/vm-reader.ts';

export interface Subnet {
  readonly uuid: string;
  /** UUID of its cluster. Absent for an overlay, which is on no single cluster. */
  readonly cluster?: string;
  readonly network: Network;
}

/** Subnets. Their names are not unique: the cluster decides, and a UUID says it exactly. */
export class Networks implements NetworkFacet {
  readonly #pages: Pages;
  readonly #clusters: Clusters;
  #names = new Map<string, string>();

  constructor(pages: Pages, clusters: Clusters) {
    this.#pages = pages;
    this.#clusters = clusters;
  }

  /** Name of a subnet, as of the last list. */
  readonly nameOf = (uuid: string): string | undefined => this.#names.get(uuid);

  async list(signal: AbortSignal): Promise<Network[]> {
    return (await this.all(signal)).map(({ network }) => network).sort((a, b) => a.name.localeCompare(b.name));
  }

  async all(signal: AbortSignal): Promise<Subnet[]> {
    const [subnets, clusters] = [await this.#read(signal), await this.#clusters.names(signal)];
    return subnets.map((subnet) => {
      const cluster = clusterOf(subnet);
      return {
        uuid: uuidOf(subnet),
        ...(cluster === undefined ? {} : { cluster }),
        network: readNetwork(subnet, clusters.get(cluster ?? '')),
      };
    });
  }

  /** Loads the names when one of them is not known. */
  async know(uuids: Iterable<string>, signal: AbortSignal): Promise<void> {
    for (const uuid of uuids) {
      if (this.#names.has(uuid)) continue;
      await this.#read(signal);
      return;
    }
  }

  async #read(signal: AbortSignal): Promise<JsonObject[]> {
    const subnets = await this.#pages.all('/subnets', 'subnet', signal);
    this.#names = new Map(subnets.map((subnet) => [uuidOf(subnet), nameOf(subnet)]));
    return subnets;
  }
}

const resourcesOf = (subnet: JsonObject): JsonObject => objectAt(objectAt(subnet, 'spec'), 'resources');

/** `cluster` is the name of its cluster. */
export function readNetwork(subnet: JsonObject, cluster: string | undefined): Network {
  const resources = resourcesOf(subnet);
  const ip = objectAt(resources, 'ip_config');
  const address = textAt(ip, 'subnet_ip');
  const prefix = numberAt(ip, 'prefix_length');
  const reserved = reservedIn(resources);
  return {
    name: nameOf(subnet),
    kind: (textAt(resources, 'subnet_type') ?? 'VLAN').toLowerCase(),
    active: true,
    ...(cluster === undefined ? {} : { cluster }),
    ...networkFacts({
      cidr: address === undefined || prefix === undefined ? undefined : `${address}/${prefix}`,
      gateway: textAt(ip, 'default_gateway_ip'),
    }),
    // Without IP management whoever serves the VLAN decides, and Prism does not know.
    ...(address === undefined ? {} : { dhcp: objectsAt(ip, 'pool_list').length > 0 }),
    // All of the network: the pools are what Prism gives out by itself, and a NIC may ask for addresses outside them.
    fixedAddresses: address !== undefined,
    ...(reserved.length > 0 ? { reserved: reserved.map((one) => ({ address: one })) } : {}),
  };
}

/** Addresses that no VM gets: that of the DHCP server, and those set aside. */
function reservedIn(resources: JsonObject): string[] {
  const server = textAt(objectAt(objectAt(resources, 'ip_config'), 'dhcp_server_address'), 'ip');
  const list = resources['reserved_ip_address_list'];
  const aside = Array.isArray(list) ? list.filter((address) => typeof address === 'string') : [];
  return [...(server === undefined ? [] : [server]), ...aside];
}
