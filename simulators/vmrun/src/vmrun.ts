import { parseArguments, type ParsedArguments } from './command-line/arguments.ts';
import type { Answer, Call, Outcome } from './command-line/call.ts';
import { findCommand, type CommandEntry } from './command-line/command-table.ts';
import { Refusal } from './command-line/errors.ts';
import { asRefusal } from './command-line/host-errors.ts';
import { productFor } from './command-line/host-type.ts';
import { printLines } from './command-line/output.ts';
import { runProgram } from './command-line/program.ts';
import type { Session } from './host/session.ts';
import { FaultPlan, forever } from './knobs/fault-plan.ts';
import { noteStruck } from './knobs/struck.ts';

type Command = Extract<ParsedArguments, { kind: 'command' }>;

/** The whole of `vmrun`: resolves with its exit code when everything is printed. */
export function main(argv: string[]): Promise<void> {
  return runProgram(async (session) => {
    const parsed = parseArguments(argv);
    const answer = isHandedOver(session, parsed)
      ? await (await import('./command-line/hand-over.ts')).handOver(argv)
      : await answerTo(session, parsed);
    if (answer.isHanging) {
      const command = parsed.kind === 'command' ? (findCommand(parsed.command)?.name ?? '') : '';
      noteStruck(session.registry, { command, kind: 'hang', at: 'after' });
      await forever();
    }
    await printLines(answer.lines, session.knobs);
    return answer.exit ?? 0;
  });
}

/** Whether the work of a call goes on when the call is killed. */
function isHandedOver({ knobs }: Session, parsed: ParsedArguments): boolean {
  if (knobs.killedCall === 'stops' || parsed.kind !== 'command') return false;
  return findCommand(parsed.command)?.changes === true;
}

/** Carries the call out; `isWorker` when nobody can stop that by killing vmrun. */
export async function answerTo(session: Session, parsed: ParsedArguments, isWorker = false): Promise<Answer> {
  const { knobs } = session;
  if (parsed.kind !== 'command') {
    const { help } = await import('./command-line/help.ts');
    const complaint = parsed.kind === 'invalid' ? [`Invalid argument: ${parsed.argument}`] : [];
    return { lines: [...complaint, ...help(knobs)], exit: knobs.bareExit };
  }
  try {
    return answerOf(await perform(session, parsed, isWorker));
  } catch (cause) {
    const refused = asRefusal(cause);
    return { lines: refused.lines, exit: refused.exit ?? knobs.failureExit };
  }
}

async function perform(session: Session, { flags, command, parameters }: Command, isWorker: boolean): Promise<Outcome> {
  const product = productFor(flags.hostType, session.knobs.product);
  const entry = findCommand(command);
  if (!entry) throw new Refusal([`Error: Unrecognized command: ${command}`]);
  const vmx = entry.on === 'vm' ? parameters[0] : undefined;
  if (entry.on === 'vm' && vmx === undefined) throw new Refusal(['Error: No Vm name provided']);
  const paths = vmx === undefined ? [] : [vmx, session.paths.local(vmx)];
  const faults = new FaultPlan(session, entry.name, paths, { isWorker });
  await session.clock.pass(latencyOf(session, entry, paths));
  await faults.reach('before');
  if (!entry.changes) await faults.reach('halfway');
  const halfway = () => faults.reach('halfway');
  const outcome = await run(entry, { session, flags, product, parameters, halfway }, vmx);
  await halfway();
  await faults.reach('after');
  return faults.isSilent ? { lines: [], isHanging: true } : outcome;
}

async function run(entry: CommandEntry, call: Call, vmx: string | undefined): Promise<Outcome> {
  if (entry.on === 'host') return (await entry.load())(call);
  // `list` is the call made most often, and needs none of this.
  const [{ openMachine }, { whileBusy }] = await Promise.all([
    import('./machine/machine.ts'),
    import('./machine/busy.ts'),
  ]);
  const machine = openMachine(call.session, vmx!, call.flags.vmPassword);
  const command = await entry.load();
  const work = async () => command({ ...call, parameters: call.parameters.slice(1), machine });
  return entry.changes ? whileBusy(machine, entry.name, work) : work();
}

function latencyOf(session: Session, { name }: CommandEntry, paths: string[]): number {
  const { latencyMs } = paths.length > 0 ? session.knobsOf(paths[1]!) : session.knobs;
  return latencyMs[name] ?? latencyMs['*'] ?? 0;
}

function answerOf(outcome: Outcome): Answer {
  if (!outcome) return { lines: [] };
  return Array.isArray(outcome) ? { lines: outcome } : outcome;
}
