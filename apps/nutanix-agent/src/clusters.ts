import { ProblemError } from '@polyvirt/contracts';
import { objectAt, textAt, type JsonObject } from './client/json.ts';
import type { Pages } from './client/paging.ts';
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
  /** As they were last shown, by UUID. */
  readonly #names = new Map<string, string>();
  #kept: { readonly clusters: Cluster[]; readonly at: number } | undefined;

  /** `defaultCluster` is a name or a UUID. */
  constructor(pages: Pages, defaultCluster: string | undefined) {
    this.#pages = pages;
    this.#default = defaultCluster;
  }

  async list(signal: AbortSignal): Promise<Cluster[]> {
    const found = (await this.#pages.all('/clusters', 'cluster', signal)).filter(runsVms).map(readCluster);
    // One that Prism shows without a name for a while has that which it had.
    const clusters = found.map((cluster) => ({
      ...cluster,
      name: cluster.name || (this.#names.get(cluster.uuid) ?? cluster.uuid),
    }));
    for (const { uuid, name } of clusters) this.#names.set(uuid, name);
    this.#kept = { clusters, at: performance.now() };
    return clusters;
  }

  /** UUID of the cluster that new VMs go to unless their network is on another; undefined when nothing says which. */
  async preferred(signal: AbortSignal): Promise<string | undefined> {
    const clusters = await this.#known(signal);
    if (this.#default === undefined) return clusters.length === 1 ? clusters[0]!.uuid : undefined;
    const chosen = clusters.find(({ uuid, name }) => name === this.#default || uuid === this.#default);
    if (!chosen)
      throw new ProblemError(
        'host-rejected',
        `There is no cluster "${this.#default}". POLYVIRT_PRISM_CLUSTER has to name one of ${names(clusters)}.`,
      );
    return chosen.uuid;
  }

  /** @throws ProblemError when nothing says which cluster a VM without networks goes to */
  async demandPreferred(signal: AbortSignal): Promise<string> {
    const cluster = await this.preferred(signal);
    if (cluster !== undefined) return cluster;
    throw new ProblemError(
      'host-rejected',
      `Prism Central has several clusters (${names(await this.#known(signal))}). Set POLYVIRT_PRISM_CLUSTER to the one that new VMs go to.`,
    );
  }

  /** Names by UUID. */
  async names(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    return new Map((await this.#known(signal)).map(({ uuid, name }) => [uuid, name]));
  }

  async #known(signal: AbortSignal): Promise<Cluster[]> {
    return this.#kept && performance.now() - this.#kept.at < KEEP_MS ? this.#kept.clusters : this.list(signal);
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
