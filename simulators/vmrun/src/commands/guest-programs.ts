import { existsSync } from 'node:fs';
import { required, type Answer, type MachineCall, type Outcome } from '../command-line/call.ts';
import { refusal } from '../command-line/errors.ts';
import { GuestPaths } from '../guest/guest-paths.ts';
import { liveProcesses } from '../guest/guest-processes.ts';
import { GuestShell, type Execution } from '../guest/guest-shell.ts';
import { requireGuest } from '../guest/tools-state.ts';
import { scheduleGuest } from '../machine/power-on.ts';
import { updateRun } from '../machine/run.ts';
import { changeRun } from '../machine/signal-run.ts';

const OPTIONS = ['-nowait', '-activewindow', '-interactive'];
const MAX_SCRIPT_BYTES = 60536;
const POLL_MS = 25;
const KILLED = 137;

export async function runProgramInGuest(call: MachineCall): Promise<Outcome> {
  const { options, words } = optionsOf(call);
  const [program, ...args] = words;
  if (program === undefined) throw refusal('invalid-parameter');
  await requireGuest(call);
  requireConsole(call, options);
  const paths = new GuestPaths(call.machine);
  if (!existsSync(paths.local(program))) throw refusal('file-not-found');
  const { guestProgramExits, cmdExeArguments } = call.machine.knobs;
  const isBroken = cmdExeArguments === 'fail' && /cmd\.exe$/i.test(program) && args.length > 0;
  const execution = isBroken ? { exitCode: 1, runsMs: 0 } : new GuestShell(paths, guestProgramExits).run(program, args);
  return carryOut(call, [program, ...args].join(' '), execution, options.has('-nowait'));
}

/** An empty interpreter is the guest's own; the script's output does not come back. */
export async function runScriptInGuest(call: MachineCall): Promise<Outcome> {
  const { options, words } = optionsOf(call);
  const [interpreter, script] = words;
  if (interpreter === undefined || script === undefined) throw refusal('invalid-parameter');
  if (Buffer.byteLength(interpreter + script) > MAX_SCRIPT_BYTES) throw refusal('argument-too-big');
  await requireGuest(call);
  requireConsole(call, options);
  const paths = new GuestPaths(call.machine);
  if (interpreter !== '' && !existsSync(paths.local(interpreter))) throw refusal('file-not-found');
  const execution = new GuestShell(paths, call.machine.knobs.guestProgramExits).script(script);
  return carryOut(call, interpreter, execution, options.has('-nowait'));
}

export async function listProcessesInGuest(call: MachineCall): Promise<string[]> {
  const processes = liveProcesses(await requireGuest(call), call.session.clock);
  return [
    `Process list: ${processes.length}`,
    ...processes.map(({ pid, owner, command }) => `pid=${pid}, owner=${owner}, cmd=${command}`),
  ];
}

export async function killProcessInGuest(call: MachineCall): Promise<void> {
  const pid = Number(required(call, 0));
  if (!Number.isInteger(pid)) throw refusal('invalid-parameter');
  const run = await requireGuest(call);
  if (!liveProcesses(run, call.session.clock).some((process) => process.pid === pid)) throw refusal('no-process');
  updateRun(call.session.registry, call.machine.vmx, (record) => {
    record.processes = record.processes.filter((process) => process.pid !== pid);
  });
}

/** Options stand between the .vmx and the program. */
function optionsOf({ parameters }: MachineCall): { options: Set<string>; words: string[] } {
  const first = parameters.findIndex((word) => !OPTIONS.includes(word.toLowerCase()));
  const count = first < 0 ? parameters.length : first;
  return {
    options: new Set(parameters.slice(0, count).map((word) => word.toLowerCase())),
    words: parameters.slice(count),
  };
}

function requireConsole({ machine, flags }: MachineCall, options: Set<string>): void {
  const wantsConsole = options.has('-interactive') || options.has('-activewindow');
  if (wantsConsole && machine.knobs.guestConsoleUser !== flags.guestUser) throw refusal('guest-not-interactive');
}

async function carryOut(
  call: MachineCall,
  command: string,
  execution: Execution,
  isDetached: boolean,
): Promise<Outcome> {
  const pid = addProcess(call, command, execution);
  if (isDetached) {
    applyPower(call, execution);
    return;
  }
  const exitCode = await exitOf(call, pid, execution);
  applyPower(call, execution);
  return exitCode === 0 ? undefined : programFailed(call, exitCode);
}

function addProcess(
  { session, machine, flags }: MachineCall,
  command: string,
  { runsMs, exitCode }: Execution,
): number {
  let pid = 0;
  updateRun(session.registry, machine.vmx, (run) => {
    pid = run.nextProcessId++;
    const started = { pid, owner: flags.guestUser ?? '', command, endsAt: session.clock.now() + runsMs, exitCode };
    run.processes = [...liveProcesses(run, session.clock), started];
  });
  return pid;
}

/** Waits for the program; one that is killed meanwhile fails. */
async function exitOf(
  { machine, session }: MachineCall,
  pid: number,
  { runsMs, exitCode }: Execution,
): Promise<number> {
  const { clock } = session;
  const end = clock.now() + runsMs;
  while (clock.now() < end) {
    await clock.pass(Math.min(POLL_MS, end - clock.now()));
    const run = machine.run();
    if (!run) throw refusal('not-powered-on');
    if (!run.processes.some((process) => process.pid === pid)) return KILLED;
  }
  return exitCode;
}

function applyPower({ machine }: MachineCall, { power, runsMs }: Execution): void {
  const delayMs = machine.knobs.guestShutdownMs + runsMs;
  if (power === 'off')
    changeRun(machine, (run) => (run.ending = { how: 'off', isSoft: true, at: machine.session.clock.now() + delayMs }));
  if (power === 'reboot') changeRun(machine, (run) => scheduleGuest(machine, run, false));
}

function programFailed({ machine }: MachineCall, exitCode: number): Answer {
  return {
    lines: [`Guest program exited with non-zero exit code: ${exitCode}`],
    exit: machine.knobs.failureExit,
  };
}
