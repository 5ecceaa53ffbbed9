import { wordOf, type Answer, type MachineCall } from '../command-line/call.ts';
import { refusal } from '../command-line/errors.ts';
import { reportedAddress } from '../guest/guest-address.ts';
import { isToolsRunning, requireRun, requireTools, toolsState } from '../guest/tools-state.ts';
import { changeRun } from '../machine/signal-run.ts';

const POLL_MS = 50;

export async function getGuestIPAddress(call: MachineCall): Promise<string[]> {
  const { machine } = call;
  const isWaiting = wordOf(call.parameters[0], ['now', '-wait'], 'now') === '-wait';
  while (true) {
    const run = requireRun(machine);
    if (!isWaiting) requireTools(machine, run);
    const address = isToolsRunning(machine, run) ? reportedAddress(machine, run) : undefined;
    if (address !== undefined) return [address];
    if (!isWaiting) throw refusal('no-address');
    await machine.session.clock.pass(POLL_MS);
  }
}

export function checkToolsState({ machine }: MachineCall): Answer {
  const run = machine.run();
  return { lines: [toolsState(machine, run)], exit: run ? 0 : machine.knobs.toolsStateOffExit };
}

/** Blocks until the installation in the guest has ended. */
export async function installTools(call: MachineCall): Promise<void> {
  const { machine } = call;
  requireRun(machine);
  await call.halfway();
  await machine.session.clock.pass(machine.knobs.installToolsMs);
  changeRun(machine, (run) => (run.toolsAt ??= machine.session.clock.now()));
}
