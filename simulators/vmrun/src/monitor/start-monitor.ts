import type { ChildProcess } from 'node:child_process';
import type { Machine } from '../machine/machine.ts';
import { VMX_PROGRAM } from '../machine/run.ts';
import { launch } from './launch.ts';

/** What a VM's process tells its starter once. */
export type MonitorReport = 'running' | 'question' | 'failed';

/** Starts the VM's process and resolves when it says how the power-on went. */
export async function startMonitor(machine: Machine, isHeadless: boolean): Promise<MonitorReport> {
  const { productVersion, productBuild } = machine.knobs;
  const isWindows = machine.session.paths.isWindows;
  const program = isWindows ? `${VMX_PROGRAM}.exe` : VMX_PROGRAM;
  const child = launch({
    imitated: isWindows
      ? `C:\\Program Files (x86)\\VMware\\VMware Workstation\\x64\\${program}`
      : `/usr/lib/vmware/bin/${program}`,
    script: 'vmware-vmx.js',
    args: [
      '-s',
      'vmx.stdio.keep=TRUE',
      '-#',
      `product=1;name=VMware Workstation;version=${productVersion};buildnumber=${productBuild}`,
      '-@',
      'duplex=3;msgs=ui',
      machine.shown,
    ],
    folder: machine.folder,
    env: { VMRUN_SIMULATOR_VMX: machine.vmx, VMRUN_SIMULATOR_HEADLESS: isHeadless ? 'yes' : 'no' },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  try {
    return await firstReport(child);
  } finally {
    if (child.connected) child.disconnect();
    child.unref();
  }
}

function firstReport(child: ChildProcess): Promise<MonitorReport> {
  return new Promise((resolve) => {
    child.once('message', (report) => resolve(report as MonitorReport));
    child.once('error', () => resolve('failed'));
    child.once('exit', () => resolve('failed'));
  });
}
