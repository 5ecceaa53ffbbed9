import { isProgramOn, waitUntilGone } from '../host/processes.ts';
import type { Machine } from './machine.ts';
import { updateRun, VMX_PROGRAM, type Run } from './run.ts';

/** Changes the run's record and tells the VM's process to look at it. */
export function changeRun(machine: Machine, change: (run: Run) => void): Run | undefined {
  const run = updateRun(machine.session.registry, machine.vmx, change);
  if (!run) return undefined;
  try {
    process.kill(run.pid, 'SIGUSR2');
  } catch (cause) {
    // It ended in the meantime; the caller looks at the state afterwards.
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
  return run;
}

/** Asks the VM to end after a delay and waits for its process; false when that is still there after the timeout. */
export async function endAndWait(
  machine: Machine,
  ending: { how: 'off' | 'suspended'; isSoft: boolean; delayMs?: number },
  timeoutMs = Infinity,
): Promise<boolean> {
  const { how, isSoft, delayMs = 0 } = ending;
  const { clock } = machine.session;
  const run = changeRun(machine, (record) => (record.ending = { how, isSoft, at: clock.now() + delayMs }));
  return (
    run === undefined ||
    waitUntilGone(
      () => isProgramOn(run.pid, VMX_PROGRAM, run.shown),
      timeoutMs,
      () => clock.now(),
    )
  );
}
