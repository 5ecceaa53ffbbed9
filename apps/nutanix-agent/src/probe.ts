import { foreignText, type Capacity, type HostStatus } from '@polyvirt/contracts';
import { gibOf, known } from '@polyvirt/hypervisor';
import { capabilities } from './capabilities.ts';
import { amount, groupRows } from './client/groups.ts';
import { isObject, textAt } from './client/json.ts';
import { isNotFound, type PrismClient } from './client/prism-client.ts';
import { PrismCertificateError } from './client/prism-error.ts';
import { shownFingerprint } from './client/tls.ts';
import type { Clusters } from './clusters.ts';
import { capacityOf, sumOf, type Hosts } from './hosts.ts';
import { toProblem } from './prism.problems.ts';

const CAPACITY_KEEP_MS = 60_000;

/** How Prism Central is, what it is, and what its clusters have. */
export class Probe {
  readonly #client: PrismClient;
  readonly #hosts: Hosts;
  readonly #clusters: Clusters;
  #capacity: { readonly capacity: Capacity; readonly at: number } | undefined;

  constructor(client: PrismClient, hosts: Hosts, clusters: Clusters) {
    this.#client = client;
    this.#hosts = hosts;
    this.#clusters = clusters;
  }

  async status(signal: AbortSignal): Promise<HostStatus> {
    try {
      const { resources } = await this.#client.v3('GET', '/prism_central', signal);
      const version = foreignText(textAt(isObject(resources) ? resources : {}, 'version') ?? 'of unknown version');
      const clusters = await this.#clusters.list(signal);
      const preferred = await this.#clusters.preferred(signal);
      const names = clusters.map((cluster) => foreignText(`${cluster.name} (AOS ${cluster.version ?? 'unknown'})`));
      const chosen = clusters.find(({ uuid }) => uuid === preferred);
      return {
        health: {
          status: 'healthy',
          detail: `Prism Central ${version} answers for ${clusters.length === 1 ? 'the cluster' : 'the clusters'} ${names.join(', ')}.`,
        },
        version: `Prism Central ${version}`,
        capabilities,
        capacity: await this.#readCapacity(signal),
        limits: await this.#hosts.limits(signal),
        notes: [
          chosen
            ? `New VMs go to the cluster "${chosen.name}" unless their network is on another.`
            : 'New VMs go to the cluster of their network; set POLYVIRT_PRISM_CLUSTER for those without one.',
        ],
      };
    } catch (error) {
      return {
        health: await this.#healthOf(error, signal),
        capabilities,
        capacity: this.#capacity?.capacity ?? {},
        notes: [],
      };
    }
  }

  async #readCapacity(signal: AbortSignal): Promise<Capacity> {
    if (this.#capacity && performance.now() - this.#capacity.at < CAPACITY_KEEP_MS) return this.#capacity.capacity;
    const [hosts, storage] = await Promise.all([this.#hosts.list(signal), this.#storage(signal)]);
    const capacity = { ...capacityOf(hosts), ...known(storage) };
    this.#capacity = { capacity, at: performance.now() };
    return capacity;
  }

  /** Undefined as long as one cluster has no samples yet: the storage of the others is not all there is. */
  async #storage(signal: AbortSignal): Promise<{ storageGiB: number | undefined; storageFreeGiB: number | undefined }> {
    const [all, free] = ['storage.user_capacity_bytes', 'storage.user_free_bytes'] as const;
    const attributes = ['cluster', all, free];
    const containers = await groupRows(this.#client, { type: 'storage_container', attributes }, signal);
    // The containers of a cluster share its storage, so that each of them shows all of it.
    const clusters = [...Map.groupBy(containers, ({ uuid, values }) => values['cluster'] ?? uuid).values()];
    const sum = (key: string) => {
      const shares = clusters.map((own) =>
        own.map(({ values }) => amount(values[key])).find((bytes) => bytes !== undefined),
      );
      const told = shares.filter((share) => share !== undefined);
      const total = told.length < shares.length ? undefined : sumOf(told);
      return total === undefined ? undefined : gibOf(total);
    };
    return { storageGiB: sum(all), storageFreeGiB: sum(free) };
  }

  /** A certificate that is not trusted is shown: who compares it with Prism's own page can pin it. */
  async #healthOf(error: unknown, signal: AbortSignal): Promise<HostStatus['health']> {
    const health = healthOf(error);
    if (!(error instanceof PrismCertificateError)) return health;
    const shown = await shownFingerprint(this.#client.url, signal).catch(() => undefined);
    if (shown === undefined || health.detail.includes(shown)) return health;
    return {
      ...health,
      detail: `${health.detail} It shows the fingerprint ${shown}; compare it with Prism's own first.`,
    };
  }
}

function healthOf(error: unknown): HostStatus['health'] {
  if (isNotFound(error))
    return {
      status: 'undetected',
      detail:
        'What answers there is no Prism Central. POLYVIRT_PRISM_ADDRESS has to name one; a Prism Element is not enough.',
    };
  const problem = toProblem(error);
  return {
    status: 'unhealthy',
    detail: problem instanceof Error ? problem.message : String(problem),
  };
}
