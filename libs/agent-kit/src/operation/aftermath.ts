import {
  commandOfVerb,
  isOn,
  overcommitNotes,
  ProblemError,
  reconfigureVm,
  revertSnapshot,
  type Capacity,
  type VmRecord,
  type VmState,
} from '@polyvirt/contracts';

/** What is there to see when a driver says that an operation has ended as asked. */
export interface Aftermath {
  readonly verb: string;
  /** State of the VM when the operation began. */
  readonly before: VmState | undefined;
  /** The VM that was made or changed, as it was seen afterwards. */
  readonly after: VmRecord | undefined;
}

/** Why an operation has failed although every call of it went well: the VM did not outlive it. */
export function casualty({ verb, before, after }: Aftermath): ProblemError | undefined {
  if (!after || after.unreadable !== undefined) return undefined;
  const { name, state } = after;
  const { turnsOn, staysOn } = commandOfVerb(verb) ?? {};
  const wasToStay = staysOn === true && wasOn(before);
  const crashed = state === 'crashed' && (turnsOn === true || wasToStay);
  const wentOff = state === 'stopped' && wasToStay;
  if (!crashed && !wentOff) return undefined;
  const fate = crashed ? 'crashed' : 'went off';
  return new ProblemError(
    'host-rejected',
    `The hypervisor did what was asked, and "${name}" ${fate} meanwhile: its state is ${state}. What was changed stays. The log of the hypervisor says why; start it to go on.`,
  );
}

/** What follows from an operation that went well, and that its author would want to know. */
export function consequences(
  { verb, before, after }: Aftermath,
  others: readonly VmRecord[],
  capacity: Capacity,
): string[] {
  if (!after) return [];
  const wentOff = verb === revertSnapshot.verb && wasOn(before) && after.state === 'stopped';
  const off = `"${after.name}" was on and is off now: the snapshot holds no memory. Start it when you need it.`;
  const mayPromiseMore = verb === reconfigureVm.verb || commandOfVerb(verb)?.turnsOn === true;
  const promised = mayPromiseMore && isOn(after);
  const running = [...others.filter((other) => other.id !== after.id && isOn(other)), after];
  return [...(wentOff ? [off] : []), ...(promised ? overcommitNotes(running, { capacity }) : [])];
}

const wasOn = (state: VmState | undefined): boolean => state !== undefined && isOn({ state });
