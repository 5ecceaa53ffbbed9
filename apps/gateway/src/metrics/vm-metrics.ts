import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Bus, listen, type Listener } from '@polyvirt/bus';
import {
  MetricsBatch,
  ProblemError,
  subjects,
  verdictOn,
  type Metrics,
  type MetricsHistory,
  type RecentMetrics,
  type VmId,
} from '@polyvirt/contracts';
import { MetricsRegistry } from '../health/metrics-registry.ts';
import { Inventory } from '../inventory/inventory.ts';
import { rangeOf, type HistoryQuery, type RecentQuery } from './history-range.ts';
import { memoryReachMs, MetricsMemory } from './metrics-memory.ts';
import { prometheusText } from './prometheus-text.ts';
import { Rollups } from './rollups.ts';
import type { Point } from './series.ts';

const minuteMs = 60_000;

/** Readings of VMs: the present and the last minutes from memory, what is older from roll-ups. */
@Injectable()
export class VmMetrics implements OnModuleInit, OnModuleDestroy {
  private hearing: Listener | undefined;
  private stopListening: () => void = () => undefined;

  constructor(
    private readonly bus: Bus,
    private readonly inventory: Inventory,
    private readonly memory: MetricsMemory,
    private readonly rollups: Rollups,
    registry: MetricsRegistry,
  ) {
    registry.addText(() => prometheusText(inventory.vms.all(), (id) => memory.latest(id, Date.now())));
  }

  onModuleInit(): void {
    this.hearing = listen(this.bus, subjects.metrics('*'), MetricsBatch, (batch) => this.memory.add(batch, Date.now()));
    this.stopListening = this.inventory.onChange((id, entry) => {
      if (entry) this.memory.note(entry.record);
      else this.memory.forget(id);
    });
    for (const { record } of this.inventory.vms.all()) this.memory.note(record);
  }

  onModuleDestroy(): void {
    this.hearing?.close();
    this.stopListening();
  }

  /**
   * Throws `vm-not-found`, `wrong-state` if the VM is off, and `metrics-not-found` while there is no reading of the state that
   * it is in.
   */
  present(id: VmId): Metrics {
    const { host, state } = this.inventory.require(id).record;
    const verdict = verdictOn('metrics', state);
    if (!verdict.allowed) throw new ProblemError('wrong-state', `${id} has no present reading. ${verdict.reason}`);
    const metrics = this.memory.latest(id, Date.now());
    if (metrics && verdictOn('metrics', metrics.state).allowed) return metrics;
    throw new ProblemError(
      'metrics-not-found',
      `There is no reading of ${id} in the last minute since it is ${state}. ` +
        `If that is new, try again in a few seconds; otherwise see whether host ${host} is online.`,
    );
  }

  async history(id: VmId, query: HistoryQuery): Promise<MetricsHistory> {
    this.inventory.require(id);
    const nowMs = Date.now();
    const range = rangeOf(query, nowMs);
    const isRecent = range.fromMs >= nowMs - memoryReachMs;
    // Roll-ups are of whole minutes.
    const stepMs = isRecent ? range.stepMs : Math.max(range.stepMs, minuteMs);
    const { fromMs, toMs } = range;
    const points = isRecent
      ? this.memory.history(id, fromMs, toMs, stepMs)
      : await this.longHistory(id, fromMs, toMs, stepMs);
    return { vmId: id, from: iso(fromMs), to: iso(toMs), stepSeconds: Math.round(stepMs / 1_000), points };
  }

  /** All from memory, so that the charts of a whole page cost one request. */
  recent({ ids, step }: RecentQuery): RecentMetrics {
    const stepMs = step * 1_000;
    const toMs = Date.now();
    const fromMs = toMs - memoryReachMs;
    const items = [...new Set(ids)]
      .filter((id) => this.inventory.vms.get(id) !== undefined)
      .map((vmId) => ({ vmId, points: this.memory.history(vmId, fromMs, toMs, stepMs) }));
    return { from: iso(fromMs), to: iso(toMs), stepSeconds: step, items };
  }

  /** The last minute or two have not been rolled up; memory has them. */
  private async longHistory(id: VmId, fromMs: number, toMs: number, stepMs: number): Promise<Point[]> {
    const points = await this.rollups.history(id, fromMs, toMs, stepMs);
    const last = points.at(-1);
    const restMs = last ? Date.parse(last.at) + stepMs : Math.max(fromMs, Date.now() - memoryReachMs);
    return [...points, ...this.memory.history(id, restMs, toMs, stepMs)];
  }
}

const iso = (ms: number) => new Date(ms).toISOString();
