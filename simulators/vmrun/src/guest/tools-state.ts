import { refusal, refusalFor, Refusal } from '../command-line/errors.ts';
import type { MachineCall } from '../command-line/call.ts';
import { forever } from '../knobs/fault-plan.ts';
import type { Machine } from '../machine/machine.ts';
import type { Run } from '../machine/run.ts';

/** The run of a VM that is on, or the error of one that is not. */
export function requireRun(machine: Machine): Run {
  const run = machine.run();
  if (run) return run;
  if (machine.knobs.notPoweredOnText === 'short') throw refusal('not-powered-on');
  throw refusalFor('not-powered-on', machine.given);
}

/** `checkToolsState`'s word. */
export function toolsState(machine: Machine, run: Run | undefined): 'unknown' | 'installed' | 'running' {
  if (!run || run.isBlocked || machine.knobs.tools === 'absent') return 'unknown';
  if (!isToolsRunning(machine, run)) return 'installed';
  return run.isHeadless ? machine.knobs.toolsStateHeadless : 'running';
}

export function isToolsRunning(machine: Machine, run: Run): boolean {
  return run.toolsAt !== undefined && run.toolsAt <= machine.session.clock.now() && !run.isPaused && !run.isBlocked;
}

export function requireTools(machine: Machine, run: Run): void {
  if (!isToolsRunning(machine, run)) throw refusalFor('tools-not-running', machine.given);
}

/** Lets a guest operation pass: the guest is up, and the caller has logged in where that is needed. */
export async function requireGuest(call: MachineCall, { login = true } = {}): Promise<Run> {
  const { machine } = call;
  const run = requireRun(machine);
  if (run.isPaused && machine.knobs.guestOpPaused === 'hang') await forever();
  requireTools(machine, run);
  if (run.toolsAt! + machine.knobs.guestReadyMs > machine.session.clock.now()) throw notReady(machine);
  if (login) requireLogin(call);
  return run;
}

/** Throws unless the credentials are those of a guest account. */
function requireLogin({ flags, machine }: MachineCall): void {
  if (flags.guestUser === undefined || flags.guestPassword === undefined) throw refusal('guest-anonymous');
  const password = machine.knobs.guestUsers[flags.guestUser];
  if (password === undefined || password !== flags.guestPassword) throw refusal('guest-credentials');
}

function notReady(machine: Machine): Refusal {
  return machine.knobs.guestBusyText === 'waiting'
    ? new Refusal(['Waiting for Command execution Available'])
    : refusalFor('tools-not-running', machine.given);
}
