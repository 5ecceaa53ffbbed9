import { ProblemError, verdictOn, type VmAction, type VmState } from '@polyvirt/contracts';
import type { Journal } from './driver.ts';

/** Looks an action up in the table of contracts: `already` there, or `go`; anything else throws `wrong-state`. */
export function allow(action: VmAction, state: VmState): 'already' | 'go' {
  const verdict = verdictOn(action, state);
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
  look: { readonly native: string; state(): Promise<VmState> },
): Promise<'already' | 'go'> {
  return journal.step({
    name: 'look at its state',
    native: look.native,
    act: async () => allow(action, await look.state()),
  });
}
