import {
  hindranceTo,
  ProblemError,
  verdictOn,
  type Capabilities,
  type DriverVm,
  type VmAction,
  type VmState,
} from '@polyvirt/contracts';
import type { Journal } from './driver.ts';

/** The state of a VM, with whether it is a template where that matters: of what would have it run. */
export type Standing = VmState | Pick<DriverVm, 'state' | 'template'>;

/**
 * Looks an action up in the table of contracts: `already` there, or `go`; anything else throws `wrong-state`, with an advice that
 * can be followed on a host of these capabilities.
 */
export function allow(action: VmAction, vm: Standing, capabilities?: Capabilities): 'already' | 'go' {
  const { state, template } = typeof vm === 'string' ? { state: vm, template: undefined } : vm;
  const hindrance = hindranceTo(action, { template });
  if (hindrance) throw new ProblemError(hindrance.code, hindrance.reason);
  const verdict = verdictOn(action, state, capabilities);
  if (!verdict.allowed) throw new ProblemError('wrong-state', verdict.reason);
  return verdict.already ? 'already' : 'go';
}

/**
 * The same of the state that a machine has, kept by the journal: a repeat may find the machine where the process that died
 * has brought it, and must neither refuse that nor call it unchanged.
 */
export function lookFirst(
  action: VmAction,
  journal: Journal,
  look: { readonly native: string; readonly capabilities?: Capabilities; state(): Promise<Standing> },
): Promise<'already' | 'go'> {
  return journal.step({
    name: 'look at its state',
    native: look.native,
    act: async () => allow(action, await look.state(), look.capabilities),
  });
}
