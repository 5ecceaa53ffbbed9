import type { PulseOptions } from '@polyvirt/bus';
import { queryDeadlineMs } from '@polyvirt/contracts';

/** How often the gateway looks for what nobody tells it, and how long it waits. Only tests give others than these. */
export interface GatewayTimes {
  /** How long another gateway may go on trusting a credential that was revoked here. */
  readonly identityPollMs: number;
  readonly operationSweepMs: number;
  /** How often agents are asked what they have at hand, and how long one has to be without an operation that is lost. */
  readonly lostLookMs: number;
  readonly lostAfterMs: number;
  readonly batchLookMs: number;
  /** Records of the audit that were written within this time get their links in the chain together. */
  readonly auditLinkMs: number;
  /** How often records are looked for that a process has left without a link. */
  readonly auditLookMs: number;
  /** Clients of the event stream are looked after at each tick. */
  readonly streamTickMs: number;
  /** How long an agent has to answer. */
  readonly queryWithinMs: number;
  /** That somebody may still look at a console is verified so often, beside the times at which that may have changed. */
  readonly consoleVerifyMs: number;
  /** How often it is measured what hosts send and what they have stored, and how long one is cut off the first time. */
  readonly quotaTickMs: number;
  readonly storedTickMs: number;
  readonly firstCutMs: number;
  /** How often it is looked whether the certificate was renewed. */
  readonly certificateLookMs: number;
  /** How often the register of hosts is read, beside the times at which it is known to have changed. */
  readonly registerLookMs: number;
  /** How long the key that a host had goes on being good when the host has joined with another. */
  readonly oldKeyMs: number;
  /** An account whose time is over is removed again after so long. */
  readonly removeAgainMs: number;
  readonly joinTokenMs: number;
  /** How long an admission of a host to the bus is good. */
  readonly admissionMs: number;
  /** Between guesses at an account from places that are new to it, once there were many. */
  readonly guessWaitMs: number;
  /** How long a client may take to send a request. */
  readonly requestWithinMs: number;
  /** How often the free space of folders is looked at. */
  readonly spaceLookMs: number;
  /** How often the pulse of the bus is taken, and how long one without is called well; by default as the bus has it. */
  readonly pulse: PulseOptions;
  /** What silence of hosts is measured by: milliseconds that never go back. */
  readonly now: () => number;
}

export const TIMES = Symbol('TIMES');

export const productionTimes: GatewayTimes = {
  identityPollMs: 1_000,
  operationSweepMs: 2_000,
  lostLookMs: 10_000,
  lostAfterMs: 60_000,
  batchLookMs: 2_000,
  auditLinkMs: 200,
  auditLookMs: 10_000,
  streamTickMs: 1_000,
  queryWithinMs: queryDeadlineMs,
  consoleVerifyMs: 5_000,
  quotaTickMs: 1_000,
  storedTickMs: 5_000,
  firstCutMs: 60_000,
  certificateLookMs: 5_000,
  registerLookMs: 2_000,
  oldKeyMs: 60_000,
  removeAgainMs: 60_000,
  joinTokenMs: 30 * 60_000,
  admissionMs: 90 * 24 * 3_600_000,
  guessWaitMs: 1_000,
  requestWithinMs: 60_000,
  spaceLookMs: 5_000,
  pulse: {},
  now: () => performance.now(),
};
