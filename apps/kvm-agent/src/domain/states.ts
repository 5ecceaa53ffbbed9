import type { VmState } from '@polyvirt/contracts';

/** virDomainState. */
const RUNNING = 1;
const BLOCKED = 2;
const PAUSED = 3;
const SHUTDOWN = 4;
const SHUTOFF = 5;
const CRASHED = 6;
const PMSUSPENDED = 7;

/** virDomainShutoffReason: QEMU ended in an error, or could not be reached any more. */
const SHUTOFF_CRASHED = 3;
const SHUTOFF_FAILED = 6;

/** What libvirt shows, in our words; a machine that is off and has a saved memory image is suspended. */
export function stateOf({ state, reason }: { state: number; reason: number }, hasManagedSave: boolean): VmState {
  switch (state) {
    case RUNNING:
    case BLOCKED:
    // The guest has ended; QEMU is about to.
    case SHUTDOWN:
      return 'running';
    case PAUSED:
      return 'paused';
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
