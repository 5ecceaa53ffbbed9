import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HostState } from '@polyvirt/contracts';
import { Counter, Gauge, Histogram } from 'prom-client';
import { EventFeed } from '../events/event-feed.ts';
import { MetricsRegistry } from '../health/metrics-registry.ts';
import { Hosts } from '../hosts/hosts.ts';
import { Operations } from '../operations/operations.ts';

const bytesPerMiB = 1024 ** 2;
const bytesPerGiB = 1024 ** 3;

/** Series of `GET /metrics` about hosts, operations and how far this gateway is behind the events. What is unknown has no sample. */
@Injectable()
export class HouseSeries implements OnModuleInit {
  constructor(
    private readonly hosts: Hosts,
    private readonly operations: Operations,
    private readonly feed: EventFeed,
    private readonly metrics: MetricsRegistry,
  ) {}

  onModuleInit(): void {
    this.showHosts();
    this.showOperations();
    this.showEvents();
  }

  private showHosts(): void {
    const labelNames = ['host', 'hypervisor'] as const;
    const gauge = <Name extends string>(name: string, help: string, more: readonly Name[] = []) =>
      new Gauge({ name: `polyvirt_host_${name}`, help, labelNames: [...labelNames, ...more], registers: [] });
    const state = gauge('state', 'State of the host; 1 for the one it is in.', ['state']);
    const healthy = gauge('healthy', 'Whether its hypervisor works, by its last sign of life.');
    const seen = gauge('last_seen_timestamp_seconds', 'Time of the last heartbeat.');
    const reconciled = gauge('reconciled_timestamp_seconds', 'When its whole inventory was last compared.');
    const vms = gauge('vms', 'VMs that it has.');
    const running = gauge('vms_running', 'VMs that are running.');
    const given = gauge('cpus_allocated', 'Virtual CPUs of its VMs.');
    const cpus = gauge('cpus', 'CPUs of the host.');
    const memoryGiven = gauge('memory_allocated_bytes', 'Memory of its VMs.');
    const memory = gauge('memory_bytes', 'Memory of the host.');
    const memoryFree = gauge('memory_free_bytes', 'Memory of the host that is free.');
    const storage = gauge('storage_bytes', 'Storage for disks.');
    const storageFree = gauge('storage_free_bytes', 'Storage for disks that is free.');
    const gauges: Gauge[] = [
      ...[state, healthy, seen, reconciled, vms, running, given, cpus],
      ...[memoryGiven, memory, memoryFree, storage, storageFree],
    ];
    for (const each of gauges) this.metrics.registry.registerMetric(each);
    this.metrics.beforeRead(() => {
      for (const each of gauges) each.reset();
      for (const record of this.hosts.all()) {
        const host = this.hosts.view(record);
        const labels = { host: host.id, hypervisor: host.hypervisor };
        const set = (of: Gauge<'host' | 'hypervisor'>, value: number | undefined, factor = 1) => {
          if (value !== undefined && Number.isFinite(value)) of.set(labels, value * factor);
        };
        for (const one of HostState.options) state.set({ ...labels, state: one }, one === host.state ? 1 : 0);
        set(healthy, host.health.status === 'healthy' ? 1 : 0);
        set(seen, secondsOf(host.lastSeenAt));
        set(reconciled, secondsOf(host.reconciledAt));
        set(vms, host.totals.vms);
        set(running, host.totals.running);
        set(given, host.totals.cpus);
        set(cpus, host.capacity.cpus);
        set(memoryGiven, host.totals.memoryMiB, bytesPerMiB);
        set(memory, host.capacity.memoryMiB, bytesPerMiB);
        set(memoryFree, host.capacity.memoryFreeMiB, bytesPerMiB);
        set(storage, host.capacity.storageGiB, bytesPerGiB);
        set(storageFree, host.capacity.storageFreeGiB, bytesPerGiB);
      }
    });
  }

  private showOperations(): void {
    const registers = [this.metrics.registry];
    const active = new Gauge({
      name: 'polyvirt_operations_active',
      help: 'Operations that have not ended.',
      labelNames: ['status'] as const,
      registers,
    });
    this.metrics.beforeRead(() => {
      for (const [status, count] of Object.entries(this.operations.active.counts())) active.set({ status }, count);
    });
    const ended = new Counter({
      name: 'polyvirt_operations_total',
      help: 'Operations that have ended since this gateway started. Every gateway sees all of them.',
      labelNames: ['verb', 'status'] as const,
      registers,
    });
    const seconds = new Histogram({
      name: 'polyvirt_operation_seconds',
      help: 'Time from the request for an operation to its end.',
      labelNames: ['verb', 'status'] as const,
      buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800],
      registers,
    });
    this.operations.active.onEnd(({ verb, status, createdAt, endedAt }) => {
      ended.inc({ verb, status });
      if (endedAt !== undefined) seconds.observe({ verb, status }, spanOf(createdAt, endedAt));
    });
  }

  private showEvents(): void {
    const registers = [this.metrics.registry];
    const behind = new Gauge({
      name: 'polyvirt_event_lag_events',
      help: 'Events of the stream that this gateway has not taken in yet.',
      registers,
    });
    const seconds = new Gauge({
      name: 'polyvirt_event_lag_seconds',
      help: 'Age of the oldest event that this gateway has not taken in yet; 0 without any.',
      registers,
    });
    this.metrics.beforeRead(async () => {
      const lag = await this.feed.lag();
      for (const each of [behind, seconds]) each.remove();
      if (lag === undefined) return;
      behind.set(lag.events);
      seconds.set(lag.seconds);
    });
  }
}

const secondsOf = (time: string | undefined) => (time === undefined ? undefined : Date.parse(time) / 1_000);

/** In seconds. The two clocks are of two machines. */
const spanOf = (from: string, to: string) => Math.max(0, (Date.parse(to) - Date.parse(from)) / 1_000);
