import type { VmState } from '@polyvirt/contracts';

/** virDomainState. */
const RUNNING = 1;
const BLOCKED = 2;
const PAUSED = 3;
/** The guest has ended; QEMU is about to. */
const SHUTDOWN = 4;
const SHUTOFF = 5;
const CRASHED = 6;
const PMSUSPENDED = 7;

/** virDomainShutoffReason: QEMU ended in an error, or could not be reached any more. */
const SHUTOFF_CRASHED = 3;
const SHUTOFF_FAILED = 6;

/**
 * virDomainPausedReason. libvirt stops the CPUs for a moment in the course of its own work; nobody paused the machine then.
 * Migration is not among them: a machine that was saved while paused keeps that reason when it comes back.
 */
const PAUSED_CRASHED = 10;
const PAUSED_STARTING_UP = 11;
const PAUSED_IN_PASSING: ReadonlySet<number> = new Set([
  3, // save
  4, // dump
  8, // shutting down
  9, // snapshot
  12, // post-copy migration
]);

/** What libvirt shows, in our words; a machine that is off and has a saved memory image is suspended. */
export function stateOf({ state, reason }: { state: number; reason: number }, hasManagedSave: boolean): VmState {
  switch (state) {
    case RUNNING:
    case BLOCKED:
    case SHUTDOWN:
      return 'running';
    case PAUSED:
      if (reason === PAUSED_STARTING_UP) return 'stopped';
      if (reason === PAUSED_CRASHED) return 'crashed';
      return PAUSED_IN_PASSING.has(reason) ? 'running' : 'paused';
    case PMSUSPENDED:
      return 'suspended';
    case CRASHED:
      return 'crashed';
    case SHUTOFF:
      if (hasManagedSave) return 'suspended';
      return reason === SHUTOFF_CRASHED || reason === SHUTOFF_FAILED ? 'crashed' : 'stopped';
    default:
      return 'unknown';
  }
}

export const isOn = (state: VmState): boolean => state === 'running' || state === 'paused';
