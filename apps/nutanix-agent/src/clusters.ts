import { ProblemError } from '@polyvirt/contracts';
import { objectAt, textAt, type JsonObject } from './client/json.ts';
import type { Pages } from './client/paging.ts';
import type { Subnet } from './networks.ts';
import { nameOf, uuidOf } from './vm/vm-reader.ts';

export interface Cluster {
  readonly uuid: string;
  readonly name: string;
  /** Of AOS. */
  readonly version?: string;
}

const KEEP_MS = 60_000;

/** Clusters that run VMs. Prism Central is in its own list as one that does not. */
export class Clusters {
  readonly #pages: Pages;
  readonly #default: string | undefined;
  #kept: { readonly clusters: Cluster[]; readonly at: number } | undefined;

  /** `defaultCluster` is a name or a UUID. */
  constructor(pages: Pages, defaultCluster: string | undefined) {
    this.#pages = pages;
    this.#default = defaultCluster;
  }

  async list(signal: AbortSignal): Promise<Cluster[]> {
    const clusters = (await this.#pages.all('/clusters', 'cluster', signal)).filter(runsVms).map(readCluster);
    this.#kept = { clusters, at: performance.now() };
    return clusters;
  }

  /** UUID of the cluster that new VMs go to unless their network is on another; undefined when nothing says which. */
  async preferred(signal: AbortSignal): Promise<string | undefined> {
    const clusters =
      this.#kept && performance.now() - this.#kept.at < KEEP_MS ? this.#kept.clusters : await this.list(signal);
    if (this.#default === undefined) return clusters.length === 1 ? clusters[0]!.uuid : undefined;
    const chosen = clusters.find(({ uuid, name }) => name === this.#default || uuid === this.#default);
    if (!chosen)
      throw new ProblemError(
        'host-rejected',
        `There is no cluster "${this.#default}". POLYVIRT_PRISM_CLUSTER has to name one of ${names(clusters)}.`,
      );
    return chosen.uuid;
  }

  /** The cluster that all of a VM's networks are on. */
  async forSubnets(subnets: readonly Subnet[], signal: AbortSignal): Promise<string> {
    const named = [...new Set(subnets.flatMap(({ cluster }) => cluster ?? []))];
    if (named.length > 1)
      throw new ProblemError('invalid-input', 'The networks are on different clusters, and a VM is on one.');
    const cluster = named[0] ?? (await this.preferred(signal));
    if (cluster === undefined)
      throw new ProblemError(
        'host-rejected',
        `Prism Central has several clusters (${names(this.#kept?.clusters ?? [])}). Set POLYVIRT_PRISM_CLUSTER to the one that new VMs go to.`,
      );
    return cluster;
  }
}

const names = (clusters: readonly Cluster[]): string => clusters.map(({ name }) => `"${name}"`).join(', ');

const configOf = (cluster: JsonObject): JsonObject =>
  objectAt(objectAt(objectAt(cluster, 'status'), 'resources'), 'config');

export function runsVms(cluster: JsonObject): boolean {
  const services = configOf(cluster)['service_list'];
  return !(Array.isArray(services) && services.includes('PRISM_CENTRAL'));
}

function readCluster(cluster: JsonObject): Cluster {
  const version = textAt(objectAt(objectAt(configOf(cluster), 'software_map'), 'NOS'), 'version');
  return { uuid: uuidOf(cluster), name: nameOf(cluster), ...(version === undefined ? {} : { version }) };
}
