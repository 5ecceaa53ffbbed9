import { z } from 'zod';
import { HostId, NativeId, Timestamp, VmId } from '../ids.ts';
import { VmState } from './vm.ts';

const percent = z.number().nonnegative();
const count = z.number().nonnegative();

/** A value that is not known is absent; it is never zero instead. */
const reading = {
  state: VmState,
  cpuPercent: percent.optional().describe('Of all its virtual CPUs together, 0 to 100.'),
  memoryPercent: percent.optional().describe('Used of total.'),
  memoryUsedMiB: count.optional(),
  memoryTotalMiB: count.optional(),
  disks: z.array(
    z.object({
      device: z.string(),
      readBytes: count.optional().describe('Since power-on.'),
      writeBytes: count.optional(),
      readBytesPerSecond: count.optional(),
      writeBytesPerSecond: count.optional(),
    }),
  ),
  networks: z.array(
    z.object({
      interface: z.string(),
      mac: z.string().optional().describe('Of the NIC of the VM that this is, as in `nics[].mac`.'),
      rxBytes: count.optional().describe('Received by the guest since power-on.'),
      txBytes: count.optional(),
      rxBytesPerSecond: count.optional(),
      txBytesPerSecond: count.optional(),
    }),
  ),
  observedAt: Timestamp,
} as const;

/** One reading of one VM, as a driver gives it. */
export const DriverMetrics = z.object({ nativeId: NativeId, ...reading });
export type DriverMetrics = z.infer<typeof DriverMetrics>;

export const Metrics = z.object({ vmId: VmId, ...reading }).meta({ id: 'Metrics' });
export type Metrics = z.infer<typeof Metrics>;

/** `polyvirt.v1.metrics.<host>`: one sweep over a host. */
export const MetricsBatch = z
  .object({ host: HostId, observedAt: Timestamp, readings: z.array(Metrics) })
  .meta({ id: 'MetricsBatch' });
export type MetricsBatch = z.infer<typeof MetricsBatch>;

const spread = z.object({ average: count, maximum: count });

/** The values of a minute that a chart draws; rates are bytes a second, summed over the devices. */
export const rollupSeries = [
  'cpuPercent',
  'memoryPercent',
  'diskReadBytesPerSecond',
  'diskWriteBytesPerSecond',
  'rxBytesPerSecond',
  'txBytesPerSecond',
] as const;
export type RollupSeries = (typeof rollupSeries)[number];

const series = z.object(
  Object.fromEntries(rollupSeries.map((name) => [name, spread.optional()])) as Record<
    RollupSeries,
    z.ZodOptional<typeof spread>
  >,
);

export const VmRollup = series.extend({ vmId: VmId, samples: z.int().positive() });
export type VmRollup = z.infer<typeof VmRollup>;

/** `polyvirt.v1.rollup.<host>`: one minute of a host; a VM without a reading in it is absent. */
export const MinuteRollup = z
  .object({ host: HostId, minute: Timestamp.describe('Begin of the minute.'), vms: z.array(VmRollup) })
  .meta({ id: 'MinuteRollup' });
export type MinuteRollup = z.infer<typeof MinuteRollup>;

const points = z.array(series.extend({ at: Timestamp.describe('Begin of the step.') }));

/** Answer of `GET /metrics/recent`: the last 15 minutes of several VMs. */
export const RecentMetrics = z
  .object({
    from: Timestamp,
    to: Timestamp,
    stepSeconds: z.int().positive(),
    items: z
      .array(z.object({ vmId: VmId, points }))
      .describe('In the order of the ids; a VM that there is not is left out, one without readings has no points.'),
  })
  .meta({ id: 'RecentMetrics' });
export type RecentMetrics = z.infer<typeof RecentMetrics>;

/** Answer of `GET /vms/{id}/metrics/history`. A step without readings has no point: a gap is shown as a gap. */
export const MetricsHistory = z
  .object({
    vmId: VmId,
    from: Timestamp,
    to: Timestamp,
    stepSeconds: z.int().positive(),
    points,
  })
  .meta({ id: 'MetricsHistory' });
export type MetricsHistory = z.infer<typeof MetricsHistory>;
