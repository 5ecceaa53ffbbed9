import { readdir, readFile } from 'node:fs/promises';
import type { DriverMetrics } from '@polyvirt/contracts';
import type { MetricsFacet } from '@polyvirt/hypervisor';
import { isMonitor, readProcess, statusFields } from './host/processes.ts';
import type { Discovery } from './inventory/discovery.ts';
import { comparablePath, type Machine } from './inventory/identity.ts';
import type { Machines } from './inventory/machines.ts';
import { orUnreadable } from './inventory/unreadable.ts';
import type { Platform } from './vmrun/installation.ts';
import { cpusOf, disksOf, memoryOf } from './vmx/hardware-reader.ts';

/** Linux counts CPU time in hundredths of a second, whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100;

/** Counters of a VM's process. */
export interface ProcessCounters {
  readonly cpuSeconds: number;
  /** From and to the host's disks; absent where the process is another user's. */
  readonly readBytes?: number;
  readonly writeBytes?: number;
}

interface Sample extends ProcessCounters {
  readonly pid: number;
  /** In seconds, of a clock that only goes forward. */
  readonly at: number;
}

/** Why there are no metrics on a platform, or undefined where there are. */
export const whyNoMetrics = (platform: Platform): string | undefined =>
  platform === 'linux'
    ? undefined
    : 'Workstation measures nothing by itself, and this system does not show the statistics of its processes as files.';

/**
 * Readings of all running machines by the host's statistics of their processes: vmrun has none. A process says how much CPU
 * and disk a machine takes; what the guest does with its memory and its networks cannot be seen from outside.
 */
export class MetricsSweep implements MetricsFacet {
  readonly #machines: Machines;
  readonly #discovery: Discovery;
  readonly #platform: Platform;
  /** Processes of VMs: pid to path. Command lines of others are read once. */
  #monitors = new Map<number, string>();
  #others = new Set<number>();
  #previous = new Map<string, Sample>();

  constructor(machines: Machines, discovery: Discovery, platform: Platform) {
    this.#machines = machines;
    this.#discovery = discovery;
    this.#platform = platform;
  }

  async sweep(): Promise<DriverMetrics[]> {
    await this.#findMonitors();
    const byPath = new Map(this.#discovery.known().map((machine) => [this.#key(machine.vmx), machine]));
    const samples = new Map<string, Sample>();
    const readings: DriverMetrics[] = [];
    for (const [pid, vmx] of this.#monitors) {
      const machine = byPath.get(this.#key(vmx));
      const counters = await readCounters(pid);
      // The counters of a process that has ended stay until its parent has asked for them, and its machine is off.
      if (!machine || !counters || !(await isStillMonitor(pid, vmx))) continue;
      const sample = { ...counters, pid, at: performance.now() / 1_000 };
      samples.set(machine.nativeId, sample);
      const before = this.#previous.get(machine.nativeId);
      // One that cannot be read is left out.
      const reading = await orUnreadable(this.#reading(machine, sample, before?.pid === pid ? before : undefined));
      if (reading) readings.push(reading);
    }
    this.#previous = samples;
    return readings;
  }

  async #reading(machine: Machine, sample: Sample, before: Sample | undefined): Promise<DriverMetrics> {
    const vmx = await this.#machines.configuration(machine);
    const disks = disksOf(vmx);
    const [cpus, memoryTotalMiB] = [cpusOf(vmx), memoryOf(vmx)];
    return {
      nativeId: machine.nativeId,
      state: this.#machines.isKnownPaused(machine) ? 'paused' : 'running',
      ...(before && sample.at > before.at && cpus !== undefined && { cpuPercent: cpuPercent(before, sample, cpus) }),
      ...(memoryTotalMiB !== undefined && { memoryTotalMiB }),
      // The process knows its own sum only: with several disks it cannot be shared out.
      disks: disks.length === 1 ? [diskReading(disks[0]!.device, before, sample)] : [],
      networks: [],
      observedAt: new Date().toISOString(),
    };
  }

  async #findMonitors(): Promise<void> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
    const monitors = new Map<number, string>();
    const others = new Set<number>();
    for (const pid of pids) {
      const known = this.#monitors.get(pid);
      if (known !== undefined) monitors.set(pid, known);
      else if (this.#others.has(pid)) others.add(pid);
      else {
        const found = await readProcess(pid);
        const vmx = found && isMonitor(found) ? found.command.at(-1) : undefined;
        if (vmx !== undefined) monitors.set(pid, vmx);
        // Between its fork and its exec a process still looks like its parent.
        else if (found && !found.command.some((word) => /vmrun|vmware/i.test(word))) others.add(pid);
      }
    }
    this.#monitors = monitors;
    this.#others = others;
  }

  #key(vmx: string): string {
    return comparablePath(vmx, this.#platform);
  }
}

async function isStillMonitor(pid: number, vmx: string): Promise<boolean> {
  const found = await readProcess(pid);
  return found !== undefined && isMonitor(found) && found.command.at(-1) === vmx;
}

async function readCounters(pid: number): Promise<ProcessCounters | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/stat`, 'utf8');
    const io = await readFile(`/proc/${pid}/io`, 'utf8').catch((error: unknown) => {
      // Of a process of another user the kernel does not tell.
      if (hasCode(error, 'EACCES', 'EPERM')) return '';
      throw error;
    });
    return parseCounters(status, io);
  } catch (error) {
    // It has ended.
    if (hasCode(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
}

const hasCode = (error: unknown, ...codes: string[]): boolean =>
  codes.includes((error as NodeJS.ErrnoException).code ?? '');

export function parseCounters(status: string, io: string): ProcessCounters {
  const fields = statusFields(status);
  const count = (name: string) => {
    const value = new RegExp(`^${name}: (\\d+)`, 'm').exec(io)?.[1];
    return value === undefined ? undefined : Number(value);
  };
  const [readBytes, writeBytes] = [count('read_bytes'), count('write_bytes')];
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    ...(readBytes !== undefined && { readBytes }),
    ...(writeBytes !== undefined && { writeBytes }),
  };
}

/** Of all virtual CPUs together. The process works for the machine beside them, so it can take a little more. */
export function cpuPercent(before: Sample, now: Sample, cpus: number): number {
  const seconds = (now.at - before.at) * Math.max(1, cpus);
  return Math.min(100, Math.max(0, (100 * (now.cpuSeconds - before.cpuSeconds)) / seconds));
}

function diskReading(device: string, before: Sample | undefined, now: Sample): DriverMetrics['disks'][number] {
  const rate = (was: number | undefined, is: number | undefined) =>
    before === undefined || was === undefined || is === undefined
      ? undefined
      : Math.max(0, (is - was) / (now.at - before.at));
  const [read, write] = [rate(before?.readBytes, now.readBytes), rate(before?.writeBytes, now.writeBytes)];
  return {
    device,
    ...(now.readBytes !== undefined && { readBytes: now.readBytes }),
    ...(now.writeBytes !== undefined && { writeBytes: now.writeBytes }),
    ...(read !== undefined && { readBytesPerSecond: read }),
    ...(write !== undefined && { writeBytesPerSecond: write }),
  };
}
