import { ProblemError, type Network } from '@polyvirt/contracts';
import type { NetworkFacet } from '@polyvirt/hypervisor';
import { numberAt, objectAt, objectsAt, textAt, type JsonObject } from './client/json.ts';
import type { Pages } from './client/paging.ts';
import type { Clusters } from './clusters.ts';
import { nameOf, uuidOf } from './vm/vm-reader.ts';
import { isUuid } from './vm/uuid.ts';

export interface Subnet {
  readonly uuid: string;
  readonly name: string;
  /** Absent for an overlay, which is on no single cluster. */
  readonly cluster?: string;
  /** Whether Prism gives out its addresses. */
  readonly managed: boolean;
}

/** Subnets. Their names are not unique; the default cluster decides, and a UUID says it exactly. */
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
    const subnets = await this.#read(signal);
    return subnets.map(readNetwork).sort((a, b) => a.name.localeCompare(b.name));
  }

  /** Loads the names when one of them is not known. */
  async know(uuids: Iterable<string>, signal: AbortSignal): Promise<void> {
    for (const uuid of uuids) {
      if (this.#names.has(uuid)) continue;
      await this.#read(signal);
      return;
    }
  }

  /** The subnet of that name or UUID; an address can only be asked for where Prism gives them out. */
  async demand(name: string, address: string | undefined, signal: AbortSignal): Promise<Subnet> {
    const subnets = (await this.#read(signal)).map(readSubnet);
    const candidates = subnets.filter((subnet) => subnet.name === name || (isUuid(name) && subnet.uuid === name));
    const cluster = await this.#clusters.preferred(signal);
    const near = candidates.filter((subnet) => subnet.cluster === cluster);
    const [subnet, ...others] = near.length > 0 ? near : candidates;
    if (!subnet) throw new ProblemError('network-not-found', `There is no network "${name}" on this Prism Central.`);
    if (others.length > 0)
      throw new ProblemError(
        'invalid-input',
        `Several networks are called "${name}". Name one by its UUID: ${[subnet, ...others].map(({ uuid }) => uuid).join(', ')}.`,
      );
    if (address !== undefined && !subnet.managed)
      throw new ProblemError(
        'invalid-input',
        `The network "${name}" has no IP management, so it reserves no address. Leave the address to the guest.`,
      );
    return subnet;
  }

  async #read(signal: AbortSignal): Promise<JsonObject[]> {
    const subnets = await this.#pages.all('/subnets', 'subnet', signal);
    this.#names = new Map(subnets.map((subnet) => [uuidOf(subnet), nameOf(subnet)]));
    return subnets;
  }
}

const resourcesOf = (subnet: JsonObject): JsonObject => objectAt(objectAt(subnet, 'spec'), 'resources');

function readSubnet(subnet: JsonObject): Subnet {
  const cluster =
    textAt(objectAt(objectAt(subnet, 'spec'), 'cluster_reference'), 'uuid') ??
    textAt(objectAt(objectAt(subnet, 'status'), 'cluster_reference'), 'uuid');
  return {
    uuid: uuidOf(subnet),
    name: nameOf(subnet),
    ...(cluster === undefined ? {} : { cluster }),
    managed: textAt(objectAt(resourcesOf(subnet), 'ip_config'), 'subnet_ip') !== undefined,
  };
}

export function readNetwork(subnet: JsonObject): Network {
  const resources = resourcesOf(subnet);
  const ip = objectAt(resources, 'ip_config');
  const address = textAt(ip, 'subnet_ip');
  const prefix = numberAt(ip, 'prefix_length');
  return {
    name: nameOf(subnet),
    kind: (textAt(resources, 'subnet_type') ?? 'VLAN').toLowerCase(),
    active: true,
    ...(address === undefined || prefix === undefined ? {} : { cidr: `${address}/${prefix}` }),
    // Without IP management whoever serves the VLAN decides, and Prism does not know.
    ...(address === undefined ? {} : { dhcp: objectsAt(ip, 'pool_list').length > 0 }),
    fixedAddresses: address !== undefined,
  };
}
