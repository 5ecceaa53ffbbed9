import { ask, type Bus } from '@polyvirt/bus';
import { identifyAgent, ProblemError } from '@polyvirt/contracts';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentIdentity } from './identity.ts';

/** A connection that is dead but not yet noticed, or an agent that hangs, is asked so often before it counts. */
const askTimes = 3;
const askAgainAfterMs = 500;

/** The host is looked after already. */
export class SecondAgentError extends Error {
  override readonly name = 'SecondAgentError';

  constructor(host: string, other: string) {
    super(
      `Another agent looks after host ${host}: ${other}. ` +
        'Stop that one first, or give this one a host id of its own in POLYVIRT_HOST_ID.',
    );
  }
}

/** Throws a `SecondAgentError` when somebody answers for the host already. Waits while the bus is away. */
export async function requireOnlyAgent(
  bus: Bus,
  { host, incarnation }: AgentIdentity,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ;) {
    try {
      const other = await ask(bus, identifyAgent, host, {}, { signal });
      if (other.incarnation === incarnation) return;
      throw new SecondAgentError(host, `it was started at ${other.startedAt}`);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      if (error.code === 'host-offline') return;
      if (error.code === 'timed-out') {
        if (attempt >= askTimes) throw new SecondAgentError(host, 'it is connected and does not answer');
        attempt += 1;
      } else if (error.code !== 'unavailable') {
        throw error;
      }
      await sleep(askAgainAfterMs, undefined, { signal });
    }
  }
}
