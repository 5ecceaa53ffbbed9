import type { FastifyInstance, FastifyRequest } from 'fastify';
import { sendJson } from '../http/reply.ts';
import type { JsonObject } from '../json.ts';
import { isStatistic, reduced, type Statistic } from '../metrics/downsampling.ts';
import { alignedDown, SAMPLE_MS } from '../metrics/noise.ts';
import { vmSample, type VmSample } from '../metrics/vm-metrics.ts';
import type { Prism } from '../prism.ts';
import type { VmRecord } from '../state/records.ts';
import { seconds } from '../time.ts';
import { guestHasTools } from '../vms/vm-power.ts';
import { listed, single } from './envelope.ts';
import { V4SchemaError } from './errors.ts';
import { extIdParam } from './request.ts';
import { invalidArgument } from './vm-body.ts';

const TYPE = 'vmm.v4.ahv.stats';

/** v4 names beside those of v3 groups. The bandwidths are kB/s whatever their name says. */
const FIELDS: Readonly<Record<string, string>> = {
  hypervisorCpuUsagePpm: 'hypervisor_cpu_usage_ppm',
  hypervisorCpuReadyTimePpm: 'hypervisor.cpu_ready_time_ppm',
  memoryUsagePpm: 'memory_usage_ppm',
  guestMemoryUsagePpm: 'guest.memory_usage_ppm',
  hypervisorMemoryUsagePpm: 'hypervisor_memory_usage_ppm',
  numVcpusUsedPpm: 'num_vcpus_used_ppm',
  controllerNumIops: 'controller_num_iops',
  controllerNumReadIops: 'controller_num_read_iops',
  controllerNumWriteIops: 'controller_num_write_iops',
  controllerIoBandwidthKbps: 'controller_io_bandwidth_kBps',
  controllerReadIoBandwidthKbps: 'controller_read_io_bandwidth_kBps',
  controllerWriteIoBandwidthKbps: 'controller_write_io_bandwidth_kBps',
  controllerAvgIoLatencyMicros: 'controller_avg_io_latency_usecs',
  controllerAvgReadIoLatencyMicros: 'controller_avg_read_io_latency_usecs',
  controllerAvgWriteIoLatencyMicros: 'controller_avg_write_io_latency_usecs',
  controllerUserBytes: 'controller_user_bytes',
  controllerTimespanMicros: 'controller_timespan_usecs',
  hypervisorNumReceivedBytes: 'hypervisor_num_received_bytes',
  hypervisorNumTransmittedBytes: 'hypervisor_num_transmitted_bytes',
  hypervisorNumReceivePacketsDropped: 'hypervisor_num_receive_packets_dropped',
  hypervisorNumTransmitPacketsDropped: 'hypervisor_num_transmit_packets_dropped',
};

interface StatsQuery {
  readonly start: number;
  readonly end: number;
  readonly everyMs: number;
  readonly statistic: Statistic;
}

/** Longest series that is answered: a day of the finest samples. */
const MAX_TUPLES = 2880;

/** @throws V4SchemaError or V4Error VMM-30102, as the knob has it for `$select`. */
function statsQuery(prism: Prism, request: FastifyRequest): StatsQuery {
  const query = request.query as Record<string, string | undefined>;
  const version = (request.params as { version: string }).version;
  const complaints: Record<string, string[]> = {};
  const time = (name: string): number => {
    const ms = Date.parse(query[name] ?? '');
    if (Number.isNaN(ms)) complaints[name] = [`${name} is required and must be an ISO 8601 time`];
    return ms;
  };
  const start = time('$startTime');
  const end = time('$endTime');
  const interval = Number(query['$samplingInterval'] ?? 30);
  if (!Number.isInteger(interval) || interval < 1)
    complaints['$samplingInterval'] = ['$samplingInterval must be at least 1'];
  const statistic = query['$statType'] ?? 'LAST';
  if (!isStatistic(statistic)) complaints['$statType'] = [`$statType ${statistic} is not known`];
  if (end < start) complaints['$endTime'] = ['$endTime must not be before $startTime'];
  if (Object.keys(complaints).length > 0 || !isStatistic(statistic)) throw new V4SchemaError('query', complaints);
  const select = query['$select'];
  const rule = prism.knobs.get('v4.statsSelect');
  const refused = rule === 'refused' || version.startsWith('v4.0');
  if (select !== undefined && (refused || (rule === 'star' && select !== '*')))
    throw invalidArgument('$select', select);
  if (select === undefined && rule === 'star' && !refused) throw invalidArgument('$select', '');
  return { start, end, everyMs: Math.max(SAMPLE_MS, interval * 1000), statistic };
}

function statsOf(prism: Prism, vm: VmRecord, query: StatsQuery, newest: number): JsonObject {
  const hasTools = guestHasTools(prism.site, vm);
  const first = {
    $objectType: `${TYPE}.VmStatsTuple`,
    timestamp: seconds(query.start),
    cluster: vm.clusterUuid,
    hypervisorType: 'kKvm',
    memoryReservedBytes: vm.config.memoryMiB * 1024 * 1024,
  };
  const tuples: JsonObject[] = [first];
  const end = Math.min(query.end, newest);
  let at = Math.max(alignedDown(query.start) + SAMPLE_MS, alignedDown(vm.poweredOnAt ?? end) + SAMPLE_MS);
  for (; at <= end && tuples.length < MAX_TUPLES; at += query.everyMs) {
    const samples: VmSample[] = [];
    for (let t = at; t < Math.min(at + query.everyMs, end + 1); t += SAMPLE_MS) {
      const sample = vmSample(vm, t, hasTools);
      if (sample !== undefined) samples.push(sample);
    }
    if (samples.length > 0)
      tuples.push({ timestamp: seconds(at), ...tuple(samples, query.statistic, prism.knobs.get('metrics.unsampled')) });
  }
  return { $objectType: `${TYPE}.VmStats`, extId: vm.uuid, stats: tuples };
}

/** Sparse: what was not sampled is not there. */
function tuple(samples: readonly VmSample[], statistic: Statistic, unsampled: readonly string[]): JsonObject {
  return Object.fromEntries(
    Object.entries(FIELDS).flatMap(([field, name]) => {
      const values = samples.flatMap((sample) => sample[name] ?? []);
      return values.length === 0 || unsampled.includes(name) ? [] : [[field, reduced(values, statistic)]];
    }),
  );
}

export function statsRoutes(app: FastifyInstance, prism: Prism): void {
  const newest = (): number => prism.clock.now() - prism.site.time('v4.statsLag');

  app.get('/ahv/stats/vms/:vmExtId', (request, reply) => {
    const vm = prism.vms.findMade(extIdParam(request, 'vmExtId'));
    const query = statsQuery(prism, request);
    return sendJson(reply, 200, single(request, statsOf(prism, vm, query, newest()), `${TYPE}.GetVmStatsApiResponse`));
  });

  app.get('/ahv/stats/vms', (request, reply) => {
    const query = statsQuery(prism, request);
    const own = ['$startTime', '$endTime', '$samplingInterval', '$statType', '$select'];
    const paging = Object.fromEntries(
      Object.entries(request.query as Record<string, string>).filter(([name]) => !own.includes(name)),
    );
    // What remains is what every list understands.
    request.query = paging;
    const vms = prism.store.all('vm').filter((vm) => vm.intent?.creating !== true);
    const lag = newest();
    return sendJson(
      reply,
      200,
      listed(prism, request, vms, (vm) => statsOf(prism, vm, query, lag), `${TYPE}.ListVmStatsApiResponse`),
    );
  });
}
