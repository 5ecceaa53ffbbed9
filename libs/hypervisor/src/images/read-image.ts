import { ProblemError } from '@polyvirt/contracts';
import type { ImageSource } from '../driver.ts';
import {
  couldNotFetch,
  interruptible,
  mostBarren,
  pauseAfter,
  SourceInterrupted,
  usualPauseMs,
} from './source-interruptions.ts';

export interface ReadOptions {
  readonly signal: AbortSignal;
  /** Between an interruption and the next try. */
  readonly pauseMs?: number | undefined;
}

/**
 * Reads a source from its beginning to its end, for whoever passes it on. It continues where the source stopped in between, as
 * long as that still has the same content.
 *
 * @throws ProblemError `fetch-failed` if the source does not deliver, and the reason of the signal
 */
export async function* readImage(source: ImageSource, options: ReadOptions): AsyncGenerator<Uint8Array> {
  const { signal, pauseMs = usualPauseMs } = options;
  let [bytes, barren] = [0, 0];
  let tag: string | undefined;
  for (;;) {
    const before = bytes;
    try {
      const opened = await source.open(signal, bytes > 0 && tag !== undefined ? { offset: bytes, tag } : undefined);
      try {
        if (opened.offset !== bytes)
          throw new ProblemError('fetch-failed', `${source.label} became another file while it was read. Try again.`);
        tag = opened.tag;
        for await (const chunk of interruptible(opened.content)) {
          signal.throwIfAborted();
          bytes += chunk.length;
          yield chunk;
        }
      } finally {
        opened.content.destroy();
      }
      if (opened.bytes === undefined || bytes >= opened.bytes) return;
      throw new SourceInterrupted(`it ended after ${bytes} of ${opened.bytes} bytes`);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof SourceInterrupted)) throw error;
      barren = bytes > before ? 0 : barren + 1;
      if ((bytes > 0 && tag === undefined) || barren >= mostBarren) throw couldNotFetch(source, bytes, error);
    }
    await pauseAfter(barren, pauseMs, signal);
  }
}
