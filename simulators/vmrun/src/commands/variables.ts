import { required, wordOf, type MachineCall } from '../command-line/call.ts';
import { refusal } from '../command-line/errors.ts';
import { isWindowsGuest } from '../guest/guest-processes.ts';
import { requireGuest, requireRun } from '../guest/tools-state.ts';
import { updateRun, type Run } from '../machine/run.ts';

const KINDS = ['runtimeConfig', 'guestEnv', 'guestVar'] as const;

export async function readVariable(call: MachineCall): Promise<string[]> {
  const { kind, name } = await variableOf(call);
  const run = call.machine.run();
  const value = storeOf(run, kind)[name] ?? configured(call, kind, name);
  if (value !== undefined) return [value];
  if (call.machine.knobs.unsetVariable === 'error') throw refusal('invalid-parameter');
  return [''];
}

/** guestVar and runtimeConfig last for the run only; of a VM that is off, the .vmx is written. */
export async function writeVariable(call: MachineCall): Promise<void> {
  const { kind, name } = await variableOf(call);
  const value = call.parameters[2] ?? '';
  const { machine } = call;
  if (machine.run()) updateRun(machine.session.registry, machine.vmx, (run) => (storeOf(run, kind)[name] = value));
  else machine.edit((vmx) => vmx.set(kind === 'guestVar' ? `guestinfo.${name}` : name, value));
}

async function variableOf(call: MachineCall): Promise<{ kind: (typeof KINDS)[number]; name: string }> {
  const kind = wordOf(required(call, 0), KINDS, 'guestVar');
  const name = required(call, 1);
  const { machine, flags } = call;
  if (name === '' || name.includes('=') || (kind === 'guestVar' && name.includes('/'))) {
    throw refusal('invalid-parameter');
  }
  if (kind === 'guestEnv') {
    await requireGuest(call);
    if (!isWindowsGuest(machine.configuration()) && flags.guestUser !== 'root') throw refusal('guest-permissions');
  } else if (machine.knobs.variablesWhenOff === 'refuse') {
    requireRun(machine);
  }
  // `guestinfo.x` of the configuration is the guest's variable `x`.
  const guestVariable = kind === 'runtimeConfig' ? /^guestinfo\.(.+)$/i.exec(name)?.[1] : undefined;
  return guestVariable === undefined ? { kind, name } : { kind: 'guestVar', name: guestVariable };
}

function storeOf(run: Run | undefined, kind: (typeof KINDS)[number]): Record<string, string> {
  if (!run) return {};
  const { runtimeConfiguration, guestEnvironment, guestVariables } = run;
  return { runtimeConfig: runtimeConfiguration, guestEnv: guestEnvironment, guestVar: guestVariables }[kind];
}

function configured({ machine }: MachineCall, kind: (typeof KINDS)[number], name: string): string | undefined {
  if (kind === 'guestEnv') return undefined;
  return machine.configuration().get(kind === 'guestVar' ? `guestinfo.${name}` : name);
}
