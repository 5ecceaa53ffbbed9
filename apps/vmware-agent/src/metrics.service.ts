import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasProcessFiles, hostProcesses, isAlive, isMonitor } from './host/processes.ts';
import type { Discovery } from './inventory/discovery.ts';
import type { Machines } from './inventory/machines.ts';
import { MetricsSweep } from './metrics.ts';
import { Dictionary } from './vmx/dictionary.ts';

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
