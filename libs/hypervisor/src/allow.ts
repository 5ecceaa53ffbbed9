import { ProblemError, verdictOn, type VmAction, type VmState } from '@polyvirt/contracts';

/** Looks an action up in the table of contracts: `already` there, or `go`; anything else throws `wrong-state`. */
export function allow(action: VmAction, state: VmState): 'already' | 'go' {
  const verdict = verdictOn(action, state);
  if (!verdict.allowed) throw new ProblemError('wrong-state', verdict.reason);
  return verdict.already ? 'already' : 'go';
}
