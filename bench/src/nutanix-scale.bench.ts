import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { ensureTopology, type Bus } from '@polyvirt/bus';
import { eventually, NatsServer } from '@polyvirt/bus/testing';
import { buckets } from '@polyvirt/contracts';
import type { PollerOrders } from './prism-poller.ts';
import type { Measurement } from './row.ts';

const VMS = 1_000;
const HOST = 'nutanix-bench';
/** How often the agent asks what has changed, and how often the poller lists everything. */
const WATCH_MS = 750;
const METRICS_MS = 5_000;
const SETTLE_MS = 5_000;
const MEASURE_MS = 30_000;
const CREDENTIALS = { username: 'admin', password: 'nutanix/4u' };
const TICKS_PER_SECOND = 100;

const repository = join(import.meta.dirname, '../..');

interface Simulator {
  readonly url: string;
  readonly certificate: string;
  calls(): Promise<number>;
}

interface Cost {
  readonly callsPerMinute: number;
  readonly cpuPercent: number;
  readonly memoryMiB: number;
}

/** An agent that looks after a thousand VMs of one Prism Central, beside a poller that lists them all as often. */
export const measureNutanixScale: Measurement = async (log) => {
  await using cleanup = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'polyvirt-bench-prism-'));
  cleanup.defer(() => rmSync(folder, { recursive: true, force: true }));
  const simulator = await startSimulator(folder, cleanup);
  const password = 'bench';
  const nats = await NatsServer.start({
    services: [
      { service: 'gateway', password },
      { service: 'agent', host: HOST, password },
    ],
  });
  cleanup.defer(() => nats[Symbol.asyncDispose]());
  const bus = await nats.connect('gateway');
  cleanup.defer(() => bus.close());
  await ensureTopology(bus, { hosts: [HOST] });

  const began = performance.now();
  const agent = start(cleanup, [join(repository, 'apps/nutanix-agent/dist/main.js')], {
    POLYVIRT_HOST_ID: HOST,
    POLYVIRT_NATS_URL: nats.url,
    POLYVIRT_NATS_USER: `agent-${HOST}`,
    POLYVIRT_NATS_PASSWORD: password,
    POLYVIRT_LOG_LEVEL: 'error',
    POLYVIRT_METRICS_SECONDS: String(METRICS_MS / 1_000),
    POLYVIRT_PRISM_ADDRESS: simulator.url,
    POLYVIRT_PRISM_USERNAME: CREDENTIALS.username,
    POLYVIRT_PRISM_PASSWORD: CREDENTIALS.password,
    POLYVIRT_PRISM_CLUSTER: 'cluster-a',
    POLYVIRT_PRISM_CA_FILE: simulator.certificate,
    POLYVIRT_PRISM_WATCH_MS: String(WATCH_MS),
  });
  await eventually(async () => {
    if ((await recordsOn(bus)) < VMS) throw new Error('the inventory is not complete');
  }, 120_000);
  const firstInventoryMs = performance.now() - began;
  log(`first inventory after ${(firstInventoryMs / 1_000).toFixed(1)} s`);
  const firstCalls = await simulator.calls();
  const ours = await measure(simulator, agent);
  await end(agent);
  log(`the agent: ${describe(ours)}`);

  const poller = start(cleanup, [join(import.meta.dirname, 'prism-poller.js'), JSON.stringify(orders(simulator))], {
    NODE_EXTRA_CA_CERTS: simulator.certificate,
  });
  await once(poller.stdout!, 'data');
  const theirs = await measure(simulator, poller);
  await end(poller);
  log(`the poller: ${describe(theirs)}`);

  const work = `${VMS.toLocaleString('en')} VMs on one Prism, at rest`;
  const row = (what: string, mine: number, peers: number, unit: string, most: number) => ({
    work: `${work}: ${what}`,
    ours: `${mine.toFixed(1)} ${unit}`,
    beside: `listing all each beat ${peers.toFixed(1)} ${unit}`,
    ratio: mine / peers,
    bar: `≤ ${most} ×`,
    met: mine / peers <= most,
  });
  return [
    {
      work: `first inventory of ${VMS.toLocaleString('en')} VMs on one Prism, from the start of the agent`,
      ours: `${(firstInventoryMs / 1_000).toFixed(1)} s, ${firstCalls} calls`,
      beside: 'ten seconds',
      ratio: firstInventoryMs / 10_000,
      bar: '≤ 1 ×',
      met: firstInventoryMs <= 10_000,
    },
    row('calls', ours.callsPerMinute, theirs.callsPerMinute, 'a minute', 1),
    row('CPU', ours.cpuPercent, theirs.cpuPercent, '% of a core', 0.5),
    row('memory', ours.memoryMiB, theirs.memoryMiB, 'MiB', 1),
  ];
};

const describe = ({ callsPerMinute, cpuPercent, memoryMiB }: Cost) =>
  `${callsPerMinute.toFixed(0)} calls a minute, ${cpuPercent.toFixed(1)} % of a core, ${memoryMiB.toFixed(0)} MiB`;

const orders = ({ url }: Simulator): PollerOrders => ({
  url,
  authorization: `Basic ${Buffer.from(`${CREDENTIALS.username}:${CREDENTIALS.password}`).toString('base64')}`,
  everyMs: WATCH_MS,
  metricsEveryMs: METRICS_MS,
  metrics: {
    entity_type: 'mh_vm',
    filter_criteria: 'power_state==on',
    group_member_sort_attribute: 'vm_name',
    group_member_sort_order: 'ASCENDING',
    group_member_attributes: [
      { attribute: 'power_state' },
      { attribute: 'hypervisor_cpu_usage_ppm' },
      { attribute: 'memory_usage_ppm' },
      { attribute: 'memory_size_bytes' },
      { attribute: 'controller_read_io_bandwidth_kBps' },
      { attribute: 'controller_write_io_bandwidth_kBps' },
      { attribute: 'hypervisor_num_received_bytes' },
      { attribute: 'hypervisor_num_transmitted_bytes' },
    ],
  },
});

async function measure(simulator: Simulator, { pid }: ChildProcess): Promise<Cost> {
  await delay(SETTLE_MS);
  const [calls, cpu, began] = [await simulator.calls(), cpuSeconds(pid!), performance.now()];
  await delay(MEASURE_MS);
  const seconds = (performance.now() - began) / 1_000;
  return {
    callsPerMinute: ((await simulator.calls()) - calls) * (60 / seconds),
    cpuPercent: ((cpuSeconds(pid!) - cpu) / seconds) * 100,
    memoryMiB: residentMiB(pid!),
  };
}

async function startSimulator(folder: string, cleanup: AsyncDisposableStack): Promise<Simulator> {
  const program = join(repository, 'simulators/prism/bin/prism-simulator');
  const common = ['--port', '0', '--control-port', '0', '--data-dir', folder, '--seed-vms', String(VMS)];
  const child = start(cleanup, [program, ...common], {});
  const said = new Map<string, string>();
  for await (const line of createInterface(child.stdout!)) {
    const match = /^(ca certificate:|control on|listening on) (.+)$/.exec(line);
    if (match) said.set(match[1]!, match[2]!);
    if (match?.[1] === 'listening on') break;
  }
  const control = said.get('control on')!;
  return {
    url: said.get('listening on')!,
    certificate: said.get('ca certificate:')!,
    calls: async () => ((await (await fetch(`${control}/calls`)).json()) as { total: number }).total,
  };
}

function start(cleanup: AsyncDisposableStack, args: readonly string[], env: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  child.stdout!.resume();
  cleanup.defer(() => end(child));
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

const recordsOn = async (bus: Bus): Promise<number> =>
  (await bus.manager.streams.info(`KV_${buckets.inventory.name}`)).state.messages;

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

const residentMiB = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
