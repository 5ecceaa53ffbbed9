import { setTimeout as sleep } from 'node:timers/promises';
import { ProblemError } from '@polyvirt/contracts';
import type { ImageSource, OpenSource } from '../driver.ts';

/** So often in a row a source may bring nothing before it is given up: a server is restarted in less time. */
export const mostBarren = 6;
/** Between an interruption and the next try, which comes later each time that brings nothing. */
export const usualPauseMs = 1_000;

/** A source stopped in between, or nobody answered. That may pass. */
export class SourceInterrupted extends Error {}

/** Before the next try, when so many in a row have brought nothing. Throws the reason of the signal. */
export async function pauseAfter(barren: number, pauseMs: number, signal: AbortSignal): Promise<void> {
  const ms = pauseMs * 2 ** Math.max(0, barren - 1);
  await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}

/**
 * Opens a source at its beginning, also one that nobody answers for at first.
 *
 * @throws ProblemError `fetch-failed` if it does not come, and the reason of the signal
 */
export async function openSource(
  source: ImageSource,
  { signal, pauseMs = usualPauseMs }: { readonly signal: AbortSignal; readonly pauseMs?: number | undefined },
): Promise<OpenSource> {
  for (let barren = 1; ; barren += 1) {
    try {
      return await source.open(signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof SourceInterrupted)) throw error;
      if (barren >= mostBarren) throw couldNotFetch(source, 0, error);
    }
    await pauseAfter(barren, pauseMs, signal);
  }
}

/** What goes wrong in a stream has no kind; that it is this stream says what it means. */
export async function* interruptible(content: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of content) yield chunk as Uint8Array;
  } catch (error) {
    throw error instanceof ProblemError ? error : new SourceInterrupted((error as Error).message, { cause: error });
  }
}

/** Of a source that is given up after so many bytes. */
export function couldNotFetch({ label }: ImageSource, bytes: number, error: SourceInterrupted): ProblemError {
  const how = bytes === 0 ? '' : ` after ${bytes} bytes`;
  return new ProblemError('fetch-failed', `${label} could not be fetched${how}: ${error.message}.`, { cause: error });
}

/** @throws ProblemError `invalid-input` if the content has another checksum than the source was to have */
export function requireChecksum({ label, sha256: wanted }: ImageSource, found: string): void {
  if (wanted === undefined || found === wanted) return;
  throw new ProblemError(
    'invalid-input',
    `The SHA-256 of ${label} is ${found}, and not ${wanted}. Nothing of it was kept.`,
    {
      errors: [{ pointer: '/sha256', detail: `It is ${found}.` }],
    },
  );
}

/** What whoever has named no checksum is told. */
export const checksumNotes = ({ label, sha256 }: ImageSource, found: string): string[] =>
  sha256 === undefined ? [`The SHA-256 of ${label} is ${found}.`] : [];
