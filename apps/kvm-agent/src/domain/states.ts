import type { VmState } from '@polyvirt/contracts';
import { DomainState, PausedReason, ShutoffReason, type DomainStatus } from '@polyvirt/node-libvirt';

/**
 * libvirt stops the CPUs for a moment in the course of its own work; nobody paused the machine then. Migration is not among
 * them: a machine that was saved while paused keeps that reason when it comes back.
 */
const PAUSED_IN_PASSING: ReadonlySet<number> = new Set([
  PausedReason.SAVE,
  PausedReason.DUMP,
  PausedReason.SHUTTING_DOWN,
  PausedReason.SNAPSHOT,
  PausedReason.POSTCOPY,
]);

/**
 * What libvirt shows, in our words; a machine that is off and has a saved memory image is suspended. One that QEMU refused to
 * start (`FAILED`) never ran, so it is stopped and not crashed.
 */
export function stateOf({ state, reason }: DomainStatus, hasManagedSave: boolean): VmState {
  switch (state) {
    case DomainState.RUNNING:
    case DomainState.BLOCKED:
    case DomainState.SHUTDOWN:
      // Of SHUTDOWN the guest has ended, and QEMU is about to.
      return 'running';
    case DomainState.PAUSED:
      if (reason === PausedReason.STARTING_UP) return 'stopped';
      if (reason === PausedReason.CRASHED) return 'crashed';
      return PAUSED_IN_PASSING.has(reason) ? 'running' : 'paused';
    case DomainState.PMSUSPENDED:
      return 'suspended';
    case DomainState.CRASHED:
      return 'crashed';
    case DomainState.SHUTOFF:
      if (hasManagedSave) return 'suspended';
      return reason === ShutoffReason.CRASHED ? 'crashed' : 'stopped';
    default:
      return 'unknown';
  }
}

export const isOn = (state: VmState): boolean => state === 'running' || state === 'paused';

/** Whether a QEMU process is there: also that of a machine whose guest has crashed or sleeps. */
export const hasProcess = ({ state }: DomainStatus): boolean => state !== DomainState.SHUTOFF;
