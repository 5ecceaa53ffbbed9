import { waitUntilGone } from '../host/processes.ts';
import type { Machine } from './machine.ts';
import { updateRun, type Run } from './run.ts';

/** Changes the run's record and tells the VM's process to look at it. */
export function changeRun(machine: Machine, change: (run: Run) => void): void {
  const run = updateRun(machine.session.registry, machine.vmx, change);
  if (!run) return;
  try {
    process.kill(run.pid, 'SIGUSR2');
  } catch (cause) {
    // It ended in the meantime; the caller looks at the state afterwards.
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
}

/** Asks the VM to end after a delay and waits for it; false when it is still there after the timeout. */
export function endAndWait(
  machine: Machine,
  ending: { how: 'off' | 'suspended'; isSoft: boolean; delayMs?: number },
  timeoutMs = Infinity,
): Promise<boolean> {
  const { how, isSoft, delayMs = 0 } = ending;
  changeRun(machine, (run) => (run.ending = { how, isSoft, at: Date.now() + delayMs }));
  return waitUntilGone(() => machine.run() !== undefined, timeoutMs);
}
