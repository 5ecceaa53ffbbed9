import { setTimeout as sleep } from 'node:timers/promises';

/** Waits, or throws the signal's reason. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await sleep(Math.max(0, ms), undefined, { signal }).catch(() => signal.throwIfAborted());
}

/** Delay before the given repeat, 0 being the first: doubled each time up to a most, and spread so that callers do not meet again. */
export function backOff(repeat: number, firstMs: number, mostMs: number, random = Math.random): number {
  const full = Math.min(mostMs, firstMs * 2 ** repeat);
  return full * (0.5 + random() / 2);
}
