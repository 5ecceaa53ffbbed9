import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ensureTopology, type Bus } from '@polyvirt/bus';
import { eventually, NatsServer } from '@polyvirt/bus/testing';
import { buckets } from '@polyvirt/contracts';
import type { Measurement } from './row.ts';
import type { PollerOrders } from './workstation-poller.ts';

const VMS = 200;
const RUNNING = 20;
const HOST = 'vmware-bench';
/** The beat of the agent's reconciliation, and of the poller. */
const BEAT_MS = 30_000;
const METRICS_MS = 5_000;
const SETTLE_MS = 5_000;
const MEASURE_MS = 60_000;
const CALLS_AT_ONCE = 4;
const TICKS_PER_SECOND = 100;
/** As `npm start` runs agents. */
const NODE_OPTION = '--max-semi-space-size=2';

const run = promisify(execFile);
const repository = join(import.meta.dirname, '../..');
const simulator = join(repository, 'simulators/vmrun/bin');

interface Installation {
  readonly bin: string;
  readonly home: string;
  readonly vmFolder: string;
  readonly vmxFiles: readonly string[];
  readonly env: Record<string, string>;
  calls(): number;
}

interface Cost {
  readonly callsPerMinute: number;
  readonly cpuPercent: number;
  readonly memoryMiB: number;
}

/** An agent that looks after two hundred VMs of one Workstation, beside a poller that asks for all of them each beat. */
export const measureVmwareScale: Measurement = async (log) => {
  await using cleanup = new AsyncDisposableStack();
  const host = await installation(cleanup);
  log(`${VMS} VMs, ${RUNNING} of them on`);
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

  const callsBefore = host.calls();
  const began = performance.now();
  const agent = start(cleanup, [NODE_OPTION, join(repository, 'apps/vmware-agent/dist/main.js')], {
    ...host.env,
    POLYVIRT_HOST_ID: HOST,
    POLYVIRT_NATS_URL: nats.url,
    POLYVIRT_NATS_USER: `agent-${HOST}`,
    POLYVIRT_NATS_PASSWORD: password,
    POLYVIRT_LOG_LEVEL: 'error',
    POLYVIRT_METRICS_SECONDS: String(METRICS_MS / 1_000),
    POLYVIRT_RECONCILE_SECONDS: String(BEAT_MS / 1_000),
    POLYVIRT_SIMULATED: 'true',
    POLYVIRT_VMRUN_PATH: join(host.bin, 'vmrun'),
    POLYVIRT_VMRUN_CALLS: String(CALLS_AT_ONCE),
    POLYVIRT_VM_PATH: host.vmFolder,
    POLYVIRT_VMWARE_INVENTORY: join(host.home, 'inventory.vmls'),
    POLYVIRT_VMWARE_NETWORKS: join(host.home, 'etc/vmware'),
  });
  await eventually(async () => {
    if ((await recordsOn(bus)) < VMS) throw new Error('the inventory is not complete');
  }, 120_000);
  const firstInventoryMs = performance.now() - began;
  const firstCalls = host.calls() - callsBefore;
  log(`first inventory after ${(firstInventoryMs / 1_000).toFixed(1)} s and ${firstCalls} calls`);
  const ours = await measure(host, agent);
  await end(agent);
  log(`the agent: ${describe(ours)}`);

  const orders: PollerOrders = {
    vmrun: join(host.bin, 'vmrun'),
    vmxFiles: host.vmxFiles,
    everyMs: BEAT_MS,
    callsAtOnce: CALLS_AT_ONCE,
  };
  const poller = start(cleanup, [join(import.meta.dirname, 'workstation-poller.js'), JSON.stringify(orders)], host.env);
  const theirs = await measure(host, poller);
  await end(poller);
  log(`the poller: ${describe(theirs)}`);

  const work = `${VMS} VMs on one Workstation, ${RUNNING} on, at rest`;
  const row = (what: string, mine: number, peers: number, unit: string, most: number) => ({
    work: `${work}: ${what}`,
    ours: `${mine.toFixed(1)} ${unit}`,
    beside: `asking for all each beat ${peers.toFixed(1)} ${unit}`,
    ratio: mine / peers,
    bar: `≤ ${most} ×`,
    met: mine / peers <= most,
  });
  return [
    {
      work: `first inventory of ${VMS} VMs on one Workstation, from the start of the agent`,
      ours: `${(firstInventoryMs / 1_000).toFixed(1)} s, ${firstCalls} calls`,
      beside: 'ten seconds',
      ratio: firstInventoryMs / 10_000,
      bar: '≤ 1 ×',
      met: firstInventoryMs <= 10_000,
    },
    row('calls of vmrun', ours.callsPerMinute, theirs.callsPerMinute, 'a minute', 0.1),
    row('CPU with its calls', ours.cpuPercent, theirs.cpuPercent, '% of a core', 0.25),
    {
      work: `${work}: memory of the agent`,
      ours: `${ours.memoryMiB.toFixed(0)} MiB`,
      beside: `120 MiB (the poller ${theirs.memoryMiB.toFixed(0)} MiB)`,
      ratio: ours.memoryMiB / 120,
      bar: '≤ 1 ×',
      met: ours.memoryMiB <= 120,
    },
  ];
};

const describe = ({ callsPerMinute, cpuPercent, memoryMiB }: Cost) =>
  `${callsPerMinute.toFixed(0)} calls a minute, ${cpuPercent.toFixed(1)} % of a core, ${memoryMiB.toFixed(0)} MiB`;

async function measure(host: Installation, { pid }: ChildProcess): Promise<Cost> {
  await delay(SETTLE_MS);
  const [calls, cpu, began] = [host.calls(), cpuSeconds(pid!), performance.now()];
  await delay(MEASURE_MS);
  const seconds = (performance.now() - began) / 1_000;
  return {
    callsPerMinute: (host.calls() - calls) * (60 / seconds),
    cpuPercent: ((cpuSeconds(pid!) - cpu) / seconds) * 100,
    memoryMiB: residentMiB(pid!),
  };
}

/** The simulator behind scripts that count its calls, with VMs of which some run. */
async function installation(cleanup: AsyncDisposableStack): Promise<Installation> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'polyvirt-bench-vmware-')));
  cleanup.defer(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
  const [bin, home, vmFolder, count] = [
    join(folder, 'bin'),
    join(folder, 'home'),
    join(folder, 'vms'),
    join(folder, 'calls'),
  ];
  for (const path of [bin, join(home, 'simulator'), vmFolder]) mkdirSync(path, { recursive: true });
  writeFileSync(count, '');
  for (const name of ['vmrun', 'vmcli', 'vmware', 'vmware-vdiskmanager']) {
    const script = `#!/bin/sh\nprintf x >> '${count}'\nexec '${process.execPath}' '${join(simulator, name)}' "$@"\n`;
    writeFileSync(join(bin, name), script);
    chmodSync(join(bin, name), 0o755);
  }
  writeFileSync(join(home, 'simulator/knobs.json'), JSON.stringify({ qemuImg: 'never' }));
  const env = { VMRUN_SIMULATOR_HOME: home, NODE_COMPILE_CACHE: join(folder, 'compiled'), HOME: folder };
  const call = (program: string, ...args: string[]) =>
    run(join(bin, program), args, { env: { ...process.env, ...env } });
  await call('vmware-vdiskmanager', '-c', '-s', '1GB', '-a', 'lsilogic', '-t', '0', join(folder, 'disk.vmdk'));
  const disk = readFileSync(join(folder, 'disk.vmdk'));
  const vmxFiles = Array.from({ length: VMS }, (_, index) => {
    const place = join(vmFolder, `vm-${index}`);
    mkdirSync(place);
    writeFileSync(join(place, 'disk.vmdk'), disk);
    writeFileSync(join(place, 'vm.vmx'), vmxOf(`vm ${index}`));
    return join(place, 'vm.vmx');
  });
  cleanup.defer(() => endMonitors(vmxFiles));
  for (const vmx of vmxFiles.slice(0, RUNNING)) await call('vmrun', '-T', 'ws', 'start', vmx, 'nogui');
  return { bin, home, vmFolder, vmxFiles, env, calls: () => statSync(count).size };
}

function vmxOf(name: string): string {
  const entries: Record<string, string> = {
    '.encoding': 'UTF-8',
    'config.version': '8',
    'virtualHW.version': '21',
    displayName: name,
    guestOS: 'other-64',
    memsize: '64',
    'pciBridge0.present': 'TRUE',
    'scsi0.present': 'TRUE',
    'scsi0:0.present': 'TRUE',
    'scsi0:0.fileName': 'disk.vmdk',
    'ethernet0.present': 'TRUE',
    'ethernet0.connectionType': 'nat',
    'floppy0.present': 'FALSE',
  };
  return Object.entries(entries)
    .map(([key, value]) => `${key} = "${value}"\n`)
    .join('');
}

/** Kills the VMs, which are processes of their own. */
async function endMonitors(vmxFiles: readonly string[]): Promise<void> {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const command = existsSync(`/proc/${pid}/cmdline`) ? readCommand(pid) : [];
    if (!/vmware-vmx$/.test(command[0] ?? '') || !vmxFiles.includes(command.at(-1) ?? '')) continue;
    process.kill(Number(pid), 'SIGKILL');
    while (existsSync(`/proc/${pid}`)) await delay(20);
  }
}

function readCommand(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0$/, '').split('\0');
  } catch {
    return [];
  }
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

/** With the processes that it has started and that have ended. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0) / TICKS_PER_SECOND;
}

const residentMiB = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
