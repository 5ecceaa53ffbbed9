import { wordOf, type Answer, type MachineCall, type Outcome } from '../command-line/call.ts';
import { refusal } from '../command-line/errors.ts';
import { initialProcesses } from '../guest/guest-processes.ts';
import { requireRun, requireTools } from '../guest/tools-state.ts';
import { hasDisplay } from '../host/display.ts';
import { waitUntilGone } from '../host/processes.ts';
import { LockFolder } from '../machine/lock-folder.ts';
import type { Machine } from '../machine/machine.ts';
import { scheduleGuest } from '../machine/power-on.ts';
import type { Run } from '../machine/run.ts';
import { changeRun, endAndWait } from '../machine/signal-run.ts';
import { VmLog } from '../machine/vm-log.ts';
import { startGui } from '../monitor/start-gui.ts';
import { startMonitor } from '../monitor/start-monitor.ts';

const POWER_MODES = ['hard', 'soft'] as const;

export async function start(call: MachineCall): Promise<Outcome> {
  const { machine } = call;
  const mode = wordOf(call.parameters[0], ['gui', 'nogui'], 'gui');
  const run = machine.run();
  if (run) return startAgain(machine, run);
  if (mode === 'gui') requireGui(machine);
  else if (machine.isOpenInGui()) throw refusal('file-in-use');
  if (isLockedElsewhere(machine)) throw refusal('file-in-use');
  await call.halfway();
  if (mode === 'gui') await startGui(machine);
  const report = await startMonitor(machine, mode === 'nogui');
  if (report === 'failed') throw refusal('canceled');
  return report === 'question' ? answerToQuestion(machine) : undefined;
}

export async function stop(call: MachineCall): Promise<void> {
  const { machine } = call;
  const { knobs } = machine;
  const mode = wordOf(call.parameters[0], POWER_MODES, knobs.stopDefault);
  const run = requireRun(machine);
  if (mode === 'hard') {
    await call.halfway();
    await endAndWait(machine, { how: 'off', isSoft: false });
    return;
  }
  requireScripts(machine, run);
  await call.halfway();
  const isEnded =
    knobs.softStop === 'guest-ignores'
      ? await waitUntilGone(
          () => machine.run() !== undefined,
          knobs.softTimeoutMs,
          () => machine.session.clock.now(),
        )
      : await endAndWait(machine, { how: 'off', isSoft: true, delayMs: knobs.guestShutdownMs }, knobs.softTimeoutMs);
  if (!isEnded) throw refusal('tools-timeout');
}

export async function reset(call: MachineCall): Promise<void> {
  const { machine } = call;
  const mode = wordOf(call.parameters[0], POWER_MODES, machine.knobs.resetDefault);
  const run = requireRun(machine);
  if (mode === 'soft') requireScripts(machine, run);
  await call.halfway();
  if (mode === 'hard' && machine.knobs.resetHard === 'leaves-off') {
    await endAndWait(machine, { how: 'off', isSoft: false });
    return;
  }
  if (mode === 'soft') await machine.session.clock.pass(machine.knobs.guestShutdownMs);
  new VmLog(machine.folder).write(
    mode === 'soft' ? 'Vix: VMAutomation_Reset. Trying soft reset' : 'Vix: VMAutomation_Reset. Trying hard reset',
  );
  changeRun(machine, (record) => reboot(machine, record));
}

export async function suspend(call: MachineCall): Promise<void> {
  const { machine } = call;
  const mode = wordOf(call.parameters[0], POWER_MODES, machine.knobs.suspendDefault);
  const run = requireRun(machine);
  if (mode === 'soft') requireScripts(machine, run);
  await call.halfway();
  await endAndWait(machine, { how: 'suspended', isSoft: mode === 'soft' });
}

export const pause = (call: MachineCall): Promise<void> => setPaused(call, true);

export const unpause = (call: MachineCall): Promise<void> => setPaused(call, false);

async function setPaused(call: MachineCall, isPaused: boolean): Promise<void> {
  if (call.product === 'player') throw refusal('not-supported');
  requireRun(call.machine);
  await call.halfway();
  changeRun(call.machine, (run) => (run.isPaused = isPaused));
}

function startAgain(machine: Machine, run: Run): Outcome {
  if (run.isBlocked) throw refusal('file-in-use');
  if (machine.knobs.startRunning === 'succeed') return;
  throw refusal(machine.knobs.startRunning === 'refuse' ? 'already-running-3007' : 'already-running');
}

function requireGui(machine: Machine): void {
  if (machine.isEncrypted()) throw refusal('not-supported');
  if (!hasDisplay(machine.session)) throw refusal('no-display');
  if (machine.knobs.openInGui === 'yes') throw refusal('file-in-use');
}

/** A monitor of another installation or of another user has the VM. */
function isLockedElsewhere(machine: Machine): boolean {
  const holders = new LockFolder(machine.vmx).holders();
  return holders.some((holder) => holder.isAlive && holder.program.startsWith('vmware-vmx'));
}

async function answerToQuestion(machine: Machine): Promise<Answer> {
  switch (machine.knobs.question) {
    case 'hang':
      return { lines: [], isHanging: true };
    case 'canceled':
      await endAndWait(machine, { how: 'off', isSoft: false });
      throw refusal('canceled');
    case 'blocked-text':
      throw refusal('blocked-by-question');
  }
}

/** What a soft operation needs: Tools, and those for a while already. */
function requireScripts(machine: Machine, run: Run): void {
  requireTools(machine, run);
  if (run.toolsAt! + machine.knobs.scriptsReadyMs > machine.session.clock.now())
    throw refusal('cannot-execute-scripts');
}

/** The guest begins anew; runtime settings of the VM itself stay. */
function reboot(machine: Machine, run: Run): void {
  scheduleGuest(machine, run, false);
  run.isPaused = false;
  run.processes = initialProcesses(machine.configuration());
  run.guestEnvironment = {};
}
