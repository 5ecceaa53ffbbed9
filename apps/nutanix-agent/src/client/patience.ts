import { backOff, pause } from './back-off.ts';
import { isConflict } from './prism-client.ts';

const FIRST_MS = 250;
const MOST_MS = 3_000;

/**
 * Calls again for as long as another task holds the entity or others change it at the same time; each call has to look anew.
 * When patience is at its end the refusal comes out.
 */
export async function patiently<Result>(
  work: () => Promise<Result>,
  signal: AbortSignal,
  patienceMs: number,
): Promise<Result> {
  const until = performance.now() + patienceMs;
  for (let repeat = 0; ; repeat += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isConflict(error) || performance.now() > until) throw error;
    }
    await pause(backOff(repeat, FIRST_MS, MOST_MS), signal);
  }
}

/** Looks until it holds; undefined when it does not within the time. */
export async function until<Found>(
  look: () => Promise<Found | undefined | false>,
  signal: AbortSignal,
  withinMs: number,
  firstMs = 100,
): Promise<Found | undefined> {
  const end = performance.now() + withinMs;
  for (let repeat = 0; ; repeat += 1) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) return undefined;
    await pause(Math.min(backOff(repeat, firstMs, 2_000), Math.max(1, end - performance.now())), signal);
  }
}
