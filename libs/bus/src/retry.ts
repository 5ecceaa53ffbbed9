import { setTimeout as sleep } from 'node:timers/promises';

export interface RetryOptions {
  /** Ends the attempts; its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
  readonly retryable: (error: unknown) => boolean;
  readonly onRetry?: (error: unknown, attempt: number) => void;
  readonly firstDelayMs?: number;
  readonly maxDelayMs?: number;
}

/** Tries until it succeeds, the error is not worth another try, or the signal aborts. */
export async function retry<Result>(attempt: () => Promise<Result>, options: RetryOptions): Promise<Result> {
  const { signal, retryable, onRetry } = options;
  for (let count = 1; ; count += 1) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!retryable(error)) throw error;
      onRetry?.(error, count);
      await pause(backoffMs(count, options), signal);
    }
  }
}

/** Doubles with every attempt; the jitter keeps a fleet from knocking at once. */
export function backoffMs(
  attempt: number,
  { firstDelayMs = 100, maxDelayMs = 5_000 }: { firstDelayMs?: number; maxDelayMs?: number } = {},
): number {
  const ceiling = Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(attempt - 1, 20));
  return ceiling / 2 + Math.random() * (ceiling / 2);
}

/** Sleeps; throws the reason of the signal when that comes first. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
