import type { ChildProcess } from 'node:child_process';
import { refusal } from '../command-line/errors.ts';
import type { Machine } from '../machine/machine.ts';
import { launch } from './launch.ts';

/** Opens the VM in a window of its own and resolves when the window has it; a window that has it already is kept. */
export async function startGui(machine: Machine): Promise<void> {
  if (machine.isOpenInGui()) return;
  const isWindows = machine.session.paths.isWindows;
  const { guiHoldsPipes } = machine.knobs;
  const isHolding = guiHoldsPipes === 'yes' || (guiHoldsPipes === 'auto' && isWindows);
  const output = isHolding ? 'inherit' : 'ignore';
  const child = launch({
    imitated: isWindows
      ? 'C:\\Program Files (x86)\\VMware\\VMware Workstation\\vmware.exe'
      : '/usr/lib/vmware/bin/vmware',
    script: 'gui.js',
    args: [machine.shown],
    folder: machine.folder,
    env: { VMRUN_SIMULATOR_VMX: machine.vmx },
    stdio: ['ignore', output, output, 'ipc'],
  });
  const isOpen = await opened(child);
  if (child.connected) child.disconnect();
  child.unref();
  if (!isOpen) throw refusal('canceled');
}

function opened(child: ChildProcess): Promise<boolean> {
  return new Promise((resolve) => {
    child.once('message', () => resolve(true));
    child.once('error', () => resolve(false));
    child.once('exit', () => resolve(false));
  });
}
