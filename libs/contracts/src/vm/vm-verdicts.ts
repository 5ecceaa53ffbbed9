import type { CommandDefinition, Known } from '../command/define-command.ts';
import { lackOf } from '../host/capabilities.ts';
import { ProblemError } from '../problem/problem.ts';
import { needsOf, verdictOn, type VmAction } from './vm-actions.ts';
import { hindranceTo } from './vm-hindrances.ts';
import type { DriverVm } from './vm.ts';

/** Throws `capability-missing` with the reason of the host if it lacks what a command takes, whatever the state of the VM. */
export function requireCapabilities(definition: CommandDefinition, input: unknown, { vm, capabilities }: Known): void {
  const action = definition.actionOf(input);
  const needs = action === undefined ? undefined : needsOf(action);
  for (const ref of [...(needs === undefined ? [] : [needs]), ...definition.needsOf(input, vm)]) {
    const lack = lackOf(capabilities, ref);
    if (lack !== undefined) throw new ProblemError('capability-missing', lack);
  }
}

/**
 * Whether a VM is already as an action would make it. Throws `wrong-state`, or what else is against it in the VM itself, if
 * it cannot be asked for now.
 */
export function isAlready(action: VmAction, vm: DriverVm, capabilities: Known['capabilities'] | undefined): boolean {
  const { name, state } = vm;
  const hindrance = hindranceTo(action, vm);
  if (hindrance) throw new ProblemError(hindrance.code, `"${name}": ${hindrance.reason}`);
  const verdict = verdictOn(action, state, capabilities);
  if (verdict.allowed) return verdict.already;
  throw new ProblemError(
    'wrong-state',
    `Cannot ${phrases[action] ?? action} "${name}": its state is ${state}. ${verdict.reason}`,
  );
}

/** How to say it, where the name of the action does not do. */
const phrases: Partial<Record<VmAction, string>> = {
  'stop-force': 'force a stop of',
  'restart-force': 'force a restart of',
  'snapshot-create': 'take a snapshot of',
  'snapshot-revert': 'revert',
  'snapshot-delete': 'delete a snapshot of',
  console: 'open a console of',
  'console-text': 'open a text console of',
};
