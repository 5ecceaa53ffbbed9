import { existsSync } from 'node:fs';
import { asRefusal } from './command-line/host-errors.ts';
import { printLines } from './command-line/output.ts';
import { runProgram } from './command-line/program.ts';
import type { Session } from './host/session.ts';
import { FaultPlan } from './knobs/fault-plan.ts';
import { openMachine, type Machine } from './machine/machine.ts';

const FAILED = 255;

/** The part of `vmcli` that says what vmrun cannot: `vmcli VMX power query [-f json]`, the .vmx first or last. */
export function main(argv: string[]): Promise<void> {
  return runProgram(async (session) => {
    const { knobs } = session;
    if (argv.includes('--version') || argv.includes('-v')) {
      await printLines([`vmcli version 0.1 build-${knobs.productBuild}`], knobs);
      return 0;
    }
    try {
      await printLines(await answer(session, argv), knobs);
      return 0;
    } catch (cause) {
      const lines = cause instanceof CliFailure ? [cause.message] : asRefusal(cause).lines;
      await printLines(lines, knobs, process.stderr);
      return FAILED;
    }
  });
}

/** vmcli tells its errors on stderr, without vmrun's prefix. */
class CliFailure extends Error {}

async function answer(session: Session, argv: string[]): Promise<string[]> {
  const { words, isJson } = wordsOf(argv);
  const vmx = words.find((word) => /\.vmx$/i.test(word));
  const [module = '', command = ''] = words.filter((word) => word !== vmx).map((word) => word.toLowerCase());
  if (vmx === undefined) throw new CliFailure('VMX : a .vmx file is needed');
  const local = session.paths.local(vmx);
  const faults = new FaultPlan(session, `vmcli ${module}`, [vmx, local]);
  await session.clock.pass(session.knobs.latencyMs['vmcli'] ?? session.knobs.latencyMs['*'] ?? 0);
  for (const moment of ['before', 'halfway', 'after'] as const) await faults.reach(moment);
  if (!existsSync(local)) throw new CliFailure(`VMX : '${vmx}' does not exist!`);
  if (module !== 'power' || command !== 'query') throw new CliFailure(`vmcli: '${module} ${command}' is not supported`);
  const machine = openMachine(session, vmx, session.knobsOf(local).vmPassword || undefined);
  if (machine.isEncrypted()) {
    throw new CliFailure(`vmcli: Missing decryption key for configuration file '${vmx}'.`);
  }
  const word = powerState(machine);
  const state = machine.knobs.vmcliWords[word] ?? word;
  return isJson ? [JSON.stringify({ PowerState: state })] : [`PowerState: ${state}`];
}

function wordsOf(argv: string[]): { words: string[]; isJson: boolean } {
  const format = argv.findIndex((word) => word === '-f' || word === '--format');
  const isJson = format >= 0 && argv[format + 1]?.toLowerCase() === 'json';
  return { words: argv.filter((_, index) => format < 0 || (index !== format && index !== format + 1)), isJson };
}

function powerState(machine: Machine): 'on' | 'off' | 'paused' | 'suspended' {
  const run = machine.run();
  if (run) return run.isPaused ? 'paused' : 'on';
  return machine.suspendFile() === undefined ? 'off' : 'suspended';
}
