import { ProblemError } from '@polyvirt/contracts';
import type { Freshness } from '../inventory/running.ts';
import { passes } from './vmrun.problems.ts';

export interface Patience {
  /** How often a call is made that fails for a reason which passes. */
  readonly tries: number;
  readonly retryMs: number;
  /** How long the effect of a call that succeeded may stay unseen: vmrun's list lags behind. */
  readonly effectMs: number;
  /** How long nothing more may come of a call that was killed before that is taken for the end of it. */
  readonly lateMs: number;
}

export const usualPatience: Patience = { tries: 3, retryMs: 1_500, effectMs: 10_000, lateMs: 10_000 };

/** Looks for an effect follow each other by so much. */
export const LOOK_EVERY_MS = 150;

export interface Achievement {
  /** What is to be so in the end, for the message when it is not: `the VM is on`. */
  readonly what: string;
  /** Whether it is so. Before anything is done, what was just seen will do. */
  isDone(freshness: Freshness): Promise<boolean>;
  /** Makes it so. */
  act(): Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Looks, acts, and looks again. vmrun's word counts for little: a call that failed may have done its work, one that
 * succeeded may show its effect later, and some reasons to fail pass by themselves. Answers whether it had to act.
 */
export async function achieve(
  { what, isDone, act, signal }: Achievement,
  { tries, retryMs, effectMs }: Patience,
): Promise<boolean> {
  if (await isDone('recent')) return false;
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    try {
      await act();
      break;
    } catch (error) {
      if (signal?.aborted) throw error;
      if (await isDone('fresh')) return true;
      if (attempt >= tries || !passes(error)) throw error;
      await pause(retryMs, signal);
      if (await isDone('fresh')) return true;
    }
  }
  const until = performance.now() + effectMs;
  while (!(await isDone('fresh'))) {
    if (performance.now() > until)
      throw new ProblemError(
        'host-rejected',
        `Workstation said that it was done, but it is not so that ${what}. Look at vmware.log in the folder of the VM.`,
      );
    await pause(LOOK_EVERY_MS, signal);
  }
  return true;
}

/** Throws the signal's reason when that aborts. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
