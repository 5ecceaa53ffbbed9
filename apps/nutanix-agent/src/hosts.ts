import type { Capacity, HostLimits } from '@polyvirt/contracts';
import { known } from '@polyvirt/hypervisor';
import { numberAt, objectAt, textAt, type JsonObject } from './client/json.ts';
import type { Pages } from './client/paging.ts';
import { PrismError } from './client/prism-error.ts';

/** One machine of a cluster; what Prism does not say is absent. */
export interface HostFacts {
  readonly cluster?: string;
  readonly cores?: number;
  readonly memoryMiB?: number;
}

const KEEP_MS = 60_000;
/** With hyper-threading; what a host has in cores alone does not tell whether it is on. */
const THREADS_PER_CORE = 2;
/** `user_data` has at most 128,000 characters of base64, which are three bytes in four. */
export const userDataBytes = 96_000;

/** The hosts of the clusters, whose sizes bound those of VMs: a VM runs on one of them. */
export class Hosts {
  readonly #pages: Pages;
  #kept: { readonly hosts: HostFacts[]; readonly at: number } | undefined;

  constructor(pages: Pages) {
    this.#pages = pages;
  }

  async list(signal: AbortSignal): Promise<HostFacts[]> {
    if (this.#kept && performance.now() - this.#kept.at < KEEP_MS) return this.#kept.hosts;
    const hosts = (await this.#pages.all('/hosts', 'host', signal)).map(readHost);
    this.#kept = { hosts, at: performance.now() };
    return hosts;
  }

  /** What no VM of a cluster, or of any where none is named, can exceed. A Prism that does not show its hosts sets no bounds. */
  async limits(signal: AbortSignal, cluster?: string): Promise<HostLimits> {
    const hosts = await this.list(signal).catch((error: unknown) => {
      if (error instanceof PrismError && isRefusal(error)) return [];
      throw error;
    });
    return limitsOf(hosts.filter((host) => cluster === undefined || host.cluster === cluster));
  }
}

/** It does not show them to this account or in this release. One that is busy or broken says nothing about its hosts. */
const isRefusal = ({ status }: PrismError): boolean => status < 500 && status !== 408 && status !== 429;

export function limitsOf(hosts: readonly HostFacts[]): HostLimits {
  const cores = most(hosts.flatMap((host) => host.cores ?? []));
  return {
    ...known({
      cpusPerVm: cores === undefined ? undefined : cores * THREADS_PER_CORE,
      memoryMiBPerVm: most(hosts.flatMap(({ memoryMiB }) => memoryMiB ?? [])),
    }),
    userDataBytes,
  };
}

export const capacityOf = (hosts: readonly HostFacts[]): Capacity =>
  known({
    cpus: sumOf(hosts.flatMap(({ cores }) => cores ?? [])),
    memoryMiB: sumOf(hosts.flatMap(({ memoryMiB }) => memoryMiB ?? [])),
  });

/** Undefined of nothing, as nothing was said then. */
export const sumOf = (amounts: readonly number[]): number | undefined =>
  amounts.length === 0 ? undefined : amounts.reduce((total, amount) => total + amount, 0);

const most = (amounts: readonly number[]): number | undefined =>
  amounts.length === 0 ? undefined : Math.max(...amounts);

function readHost(host: JsonObject): HostFacts {
  const status = objectAt(host, 'status');
  const resources = objectAt(status, 'resources');
  const cluster = textAt(objectAt(status, 'cluster_reference'), 'uuid');
  return {
    ...(cluster === undefined ? {} : { cluster }),
    ...known({
      cores: positiveAt(resources, 'num_cpu_cores'),
      memoryMiB: positiveAt(resources, 'memory_capacity_mib'),
    }),
  };
}

function positiveAt(holder: JsonObject, key: string): number | undefined {
  const value = numberAt(holder, key);
  return value !== undefined && value > 0 ? value : undefined;
}
