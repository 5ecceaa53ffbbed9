import {
  cloneVm,
  createSnapshot,
  createVm,
  deleteSnapshot,
  overcommitNotes,
  ProblemError,
  reconfigureVm,
  resetVm,
  restartVm,
  resumeVm,
  revertSnapshot,
  startVm,
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

const turnOn: readonly string[] = [startVm, resumeVm, restartVm, resetVm, createVm, cloneVm].map(({ verb }) => verb);
/** What a VM that is on survives, if it goes well. */
const leaveOn: readonly string[] = [reconfigureVm, createSnapshot, deleteSnapshot, restartVm, resetVm].map(
  ({ verb }) => verb,
);
const mayPromiseMore: readonly string[] = [...turnOn, reconfigureVm.verb];

const isOn = (state: VmState | undefined): boolean => state === 'running' || state === 'paused';

/** Why an operation has failed although every call of it went well: the VM did not outlive it. */
export function casualty({ verb, before, after }: Aftermath): ProblemError | undefined {
  if (!after || after.unreadable !== undefined) return undefined;
  const { name, state } = after;
  const crashed = state === 'crashed' && (turnOn.includes(verb) || (leaveOn.includes(verb) && isOn(before)));
  const wentOff = state === 'stopped' && leaveOn.includes(verb) && isOn(before);
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
  const wentOff = verb === revertSnapshot.verb && isOn(before) && after.state === 'stopped';
  const off = `"${after.name}" was on and is off now: the snapshot holds no memory. Start it when you need it.`;
  const promised = mayPromiseMore.includes(verb) && isOn(after.state);
  const running = [...others.filter(({ id, state }) => id !== after.id && isOn(state)), after];
  return [...(wentOff ? [off] : []), ...(promised ? overcommitNotes(running, { capacity }) : [])];
}
