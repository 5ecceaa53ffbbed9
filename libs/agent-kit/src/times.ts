import { heartbeatEveryMs } from '@polyvirt/contracts';
import type { PatienceTimes } from './operation/host-patience.ts';
import type { AgentConfig } from './settings.ts';

/** How often an agent does what it does by the clock, and how long it waits. Only tests give others than these. */
export interface AgentTimes {
  readonly probeEveryMs: number;
  /** A driver that has not answered a probe by then is taken to hang. */
  readonly probeWithinMs: number;
  readonly heartbeatEveryMs: number;
  /** How often the clock of the bus is compared with that of this machine. */
  readonly pulseEveryMs: number;
  readonly metricsEveryMs: number;
  readonly reconcileEveryMs: number;
  /** After a look at a VM that has changed the next one waits so long, so that a burst of changes is one look. */
  readonly calmMs: number;
  /** The same between two lists of the images. */
  readonly imageCalmMs: number;
  /** How often the credential of a host that has joined is renewed. */
  readonly renewEveryMs: number;
  /** A host that has joined and that the bus refuses for so long was removed. */
  readonly refusedForMs: number;
  readonly patience: PatienceTimes;
}

export const timesOf = ({ metricsSeconds, reconcileSeconds }: AgentConfig): AgentTimes => ({
  probeEveryMs: 5_000,
  probeWithinMs: 10_000,
  heartbeatEveryMs,
  pulseEveryMs: 30_000,
  metricsEveryMs: metricsSeconds * 1_000,
  reconcileEveryMs: reconcileSeconds * 1_000,
  calmMs: 100,
  imageCalmMs: 500,
  renewEveryMs: 24 * 3_600_000,
  refusedForMs: 5 * 60_000,
  patience: { withinMs: 5 * 60_000, firstPauseMs: 250, longestPauseMs: 5_000, letGoWithinMs: 4_000 },
});
