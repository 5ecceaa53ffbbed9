import { Injectable } from '@nestjs/common';
import {
  Hypervisor,
  VmState,
  type ProvidersStatus,
  type StatsSummary,
  type VmFilterQuery,
  type VmId,
} from '@polyvirt/contracts';
import { Hosts } from '../hosts/hosts.ts';
import { Inventory } from '../inventory/inventory.ts';
import type { VmEntry } from '../inventory/vm-entry.ts';
import { matcherOf } from '../inventory/vm-filter.ts';
import { MetricsMemory } from '../metrics/metrics-memory.ts';
import { Operations } from '../operations/operations.ts';

/** Dashboards ask often and together; a second is as good as now. */
const freshMs = 1_000;
/** More filters than dashboards have at a time. */
const mostKept = 100;

/** Numbers over everything, from memory. */
@Injectable()
export class Stats {
  private readonly kept = new Map<string, { atMs: number; summary: StatsSummary }>();

  constructor(
    private readonly inventory: Inventory,
    private readonly hosts: Hosts,
    private readonly operations: Operations,
    private readonly metrics: MetricsMemory,
  ) {}

  summary(filter: VmFilterQuery = {}): StatsSummary {
    const atMs = performance.now();
    const key = JSON.stringify(filter);
    const last = this.kept.get(key);
    if (last && atMs - last.atMs <= freshMs) return last.summary;
    if (this.kept.size >= mostKept) this.kept.clear();
    const summary = this.count(filter);
    this.kept.set(key, { atMs, summary });
    return summary;
  }

  providers(): ProvidersStatus {
    const providers = this.hosts.all().map((record) => {
      const { id, hypervisor, state, health, version, simulated, totals, capabilities, lastSeenAt } =
        this.hosts.view(record);
      return {
        host: id,
        hypervisor,
        state,
        health,
        ...(version !== undefined && { version }),
        simulated,
        vms: totals.vms,
        capabilities,
        ...(lastSeenAt !== undefined && { lastSeenAt }),
      };
    });
    return { providers };
  }

  private fitsVm(id: VmId | undefined, fits: (entry: VmEntry) => boolean): boolean {
    const entry = id === undefined ? undefined : this.inventory.vms.get(id);
    return entry !== undefined && fits(entry);
  }

  private count(filter: VmFilterQuery): StatsSummary {
    const fits = matcherOf(filter);
    const byState = zeroes(VmState.options);
    const byHypervisor = zeroes(Hypervisor.options);
    const cpus = { allocated: 0, running: 0 };
    const memoryMiB = { allocated: 0, running: 0 };
    const cpuLoad = new Weighted();
    const memoryLoad = new Weighted();
    const nowMs = Date.now();
    let total = 0;
    for (const entry of this.inventory.vms.all()) {
      if (fits && !fits(entry)) continue;
      const { record } = entry;
      total++;
      byState[record.state]++;
      byHypervisor[record.hypervisor]++;
      // What is unknown adds nothing.
      cpus.allocated += record.cpus ?? 0;
      memoryMiB.allocated += record.memoryMiB ?? 0;
      if (record.state !== 'running') continue;
      cpus.running += record.cpus ?? 0;
      memoryMiB.running += record.memoryMiB ?? 0;
      const reading = this.metrics.latest(record.id, nowMs);
      cpuLoad.add(reading?.cpuPercent, record.cpus);
      memoryLoad.add(reading?.memoryPercent, record.memoryMiB);
    }
    const { host, hypervisor } = filter;
    const states = this.hosts
      .all()
      .filter((one) => host?.includes(one.id) !== false && hypervisor?.includes(one.hypervisor) !== false)
      .map(({ id }) => this.hosts.shownStateOf(id));
    const inState = (state: string) => states.filter((one) => one === state).length;
    return {
      hosts: {
        total: states.length,
        ready: inState('ready'),
        draining: inState('draining'),
        offline: inState('offline'),
      },
      vms: { total, byState, byHypervisor },
      cpus,
      memoryMiB,
      load: {
        ...(cpuLoad.mean !== undefined && { cpuPercent: cpuLoad.mean }),
        ...(memoryLoad.mean !== undefined && { memoryPercent: memoryLoad.mean }),
      },
      operations: this.operations.active.counts(fits && ((id) => this.fitsVm(id, fits))),
      observedAt: new Date(nowMs).toISOString(),
    };
  }
}

const zeroes = <Key extends string>(keys: readonly Key[]) =>
  Object.fromEntries(keys.map((key) => [key, 0])) as Record<Key, number>;

/** A mean over what is known. */
class Weighted {
  private sum = 0;
  private weight = 0;

  add(value: number | undefined, weight: number | undefined): void {
    if (value === undefined || weight === undefined) return;
    this.sum += value * weight;
    this.weight += weight;
  }

  get mean(): number | undefined {
    return this.weight === 0 ? undefined : Math.round((this.sum / this.weight) * 100) / 100;
  }
}
