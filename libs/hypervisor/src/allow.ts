import { ProblemError, verdictOn, type Capabilities, type VmAction, type VmState } from '@polyvirt/contracts';
import type { Journal } from './driver.ts';

/**
 * Looks an action up in the table of contracts: `already` there, or `go`; anything else throws `wrong-state`, with an advice that
 * can be followed on a host of these capabilities.
 */
export function allow(action: VmAction, state: VmState, capabilities?: Capabilities): 'already' | 'go' {
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
  look: { readonly native: string; readonly capabilities?: Capabilities; state(): Promise<VmState> },
): Promise<'already' | 'go'> {
  return journal.step({
    name: 'look at its state',
    native: look.native,
    act: async () => allow(action, await look.state(), look.capabilities),
  });
}
