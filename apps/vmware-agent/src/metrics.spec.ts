import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasProcessFiles, hostProcesses, isAlive, isMonitor } from './host/processes.ts';
import type { Discovery } from './inventory/discovery.ts';
import type { Machines } from './inventory/machines.ts';
import { cpuPercent, MetricsSweep, parseCounters, whyNoMetrics } from './metrics.ts';
import { Dictionary } from './vmx/dictionary.ts';

describe('the process of a VM', () => {
  const status = '4242 (vmware-vmx (1)) S 1 4242 4242 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 777 1 2 3';

  it('has its counters behind a name that may contain anything', () => {
    expect(parseCounters(status, 'rchar: 1\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 5\n')).toEqual({
      cpuSeconds: 3,
      readBytes: 4_096,
      writeBytes: 8_192,
    });
  });

  it('keeps to itself what it does to the disks, when it is another user’s', () => {
    expect(parseCounters(status, '')).toEqual({ cpuSeconds: 3 });
  });

  it('takes a part of the CPUs of its VM, at most all', () => {
    const sample = (cpuSeconds: number, at: number) => ({ cpuSeconds, at, pid: 1 });
    expect(cpuPercent(sample(1, 10), sample(6, 15), 2)).toBe(50);
    expect(cpuPercent(sample(1, 10), sample(9, 15), 1)).toBe(100);
  });

  it('is not looked at where processes are no files, and that is said', () => {
    expect(whyNoMetrics('linux')).toBeUndefined();
    for (const platform of ['windows', 'macos'] as const) expect(whyNoMetrics(platform)).toMatch(/\S/);
  });
});

describe('a sweep', () => {
  let folder: string;
  let shell: ChildProcess;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'polyvirt-metrics-'));
  });
  afterEach(() => {
    shell.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  const monitorsOf = async (vmx: string) =>
    (await hostProcesses()).filter((one) => isMonitor(one) && one.command.at(-1) === vmx);

  it('reads nothing of a process that has ended, even while nobody has asked how', async () => {
    if (!hasProcessFiles) return;
    const vmx = join(folder, 'web.vmx');
    const program = join(folder, 'vmware-vmx');
    symlinkSync(process.execPath, program);
    // The shell becomes a program that leaves its child unasked for.
    const script = '"$@" & exec sleep 600';
    const args = [program, '-e', 'setInterval(() => {}, 1000)', vmx];
    shell = spawn('/bin/sh', ['-c', script, 'sh', ...args], { stdio: 'ignore' });
    const machine = { nativeId: 'web', vmx };
    const sweep = new MetricsSweep(
      {
        configuration: async () => Dictionary.of({ memsize: '64' }),
        isKnownPaused: () => false,
      } as unknown as Machines,
      { known: () => [machine] } as unknown as Discovery,
      'linux',
    );
    let readings = await sweep.sweep();
    while (readings.length === 0) readings = await sweep.sweep();
    expect(readings).toMatchObject([{ nativeId: 'web', state: 'running', memoryTotalMiB: 64 }]);
    const [monitor] = await monitorsOf(vmx);
    process.kill(monitor!.pid, 'SIGKILL');
    while (isAlive(monitor!.pid)) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await sweep.sweep()).toEqual([]);
  });
});
