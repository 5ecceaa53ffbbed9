import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { ProblemError } from '@polyvirt/contracts';
import type { ImageSource, OpenSource } from '../driver.ts';
import {
  couldNotFetch,
  interruptible,
  mostBarren,
  pauseAfter,
  requireChecksum,
  SourceInterrupted,
  usualPauseMs,
} from './source-interruptions.ts';

export interface Received {
  readonly bytes: number;
  /** In lower-case hexadecimal. */
  readonly sha256: string;
}

export interface ReceiveOptions {
  /** What the source said of its content before the first byte of the file was written. */
  readonly seen: Pick<OpenSource, 'bytes' | 'tag'>;
  readonly signal: AbortSignal;
  /** Called with what has come; `total` is undefined where the source does not say. */
  readonly progress: (bytes: number, total: number | undefined) => void;
  /** Between an interruption and the next try. */
  readonly pauseMs?: number;
}

/**
 * Writes what a source has into a file, and continues one that was begun before: by a process that died, or because the source
 * stopped in between. Memory does not grow with it. What it leaves when it throws is the caller's to remove.
 *
 * @throws ProblemError `fetch-failed` if the source does not deliver, `invalid-input` if the checksum is another one,
 *   `insufficient-capacity` if the file does not fit, and the reason of the signal
 */
export async function receiveImage(source: ImageSource, path: string, options: ReceiveOptions): Promise<Received> {
  const file = await open(path, 'a');
  try {
    const received = await new Receiving(source, path, file, options).run();
    await file.sync();
    requireChecksum(source, received.sha256);
    return received;
  } finally {
    await file.close();
  }
}

class Receiving {
  #bytes = 0;
  #hash = createHash('sha256');
  #tag: string | undefined;

  constructor(
    private readonly source: ImageSource,
    private readonly path: string,
    private readonly file: FileHandle,
    private readonly options: ReceiveOptions,
  ) {
    this.#tag = options.seen.tag;
  }

  async run(): Promise<Received> {
    const { signal, pauseMs = usualPauseMs } = this.options;
    await this.#takeUp();
    for (let barren = 0; !this.#isWhole();) {
      const before = this.#bytes;
      try {
        await this.#fetch();
        break;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof SourceInterrupted)) throw error;
        barren = this.#bytes > before ? 0 : barren + 1;
        if (this.#tag === undefined || barren >= mostBarren) throw couldNotFetch(this.source, this.#bytes, error);
      }
      await pauseAfter(barren, pauseMs, signal);
    }
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  /** Reads again what is there; of a source that cannot continue, nothing of it is of use. */
  async #takeUp(): Promise<void> {
    const { signal, seen } = this.options;
    if (this.#tag === undefined) return this.#beginAgain();
    for await (const chunk of createReadStream(this.path)) {
      signal.throwIfAborted();
      this.#hash.update(chunk as Buffer);
      this.#bytes += (chunk as Buffer).length;
    }
    if (seen.bytes !== undefined && this.#bytes > seen.bytes) await this.#beginAgain();
  }

  #isWhole(): boolean {
    return this.#bytes > 0 && this.#bytes === this.options.seen.bytes;
  }

  async #beginAgain(): Promise<void> {
    await this.file.truncate(0);
    this.#bytes = 0;
    this.#hash = createHash('sha256');
  }

  async #fetch(): Promise<void> {
    const { signal, progress } = this.options;
    const from = this.#tag !== undefined && this.#bytes > 0 ? { offset: this.#bytes, tag: this.#tag } : undefined;
    const { content, offset, bytes: total, tag } = await this.source.open(signal, from);
    try {
      if (offset !== this.#bytes) await this.#beginAgain();
      if (offset !== this.#bytes) throw new ProblemError('fetch-failed', `${this.source.label} begins at ${offset}.`);
      this.#tag = tag;
      for await (const chunk of interruptible(content)) {
        signal.throwIfAborted();
        await this.#write(chunk);
        this.#hash.update(chunk);
        this.#bytes += chunk.length;
        progress(this.#bytes, total);
      }
    } finally {
      content.destroy();
    }
    if (total !== undefined && this.#bytes < total)
      throw new SourceInterrupted(`it ended after ${this.#bytes} of ${total} bytes`);
  }

  async #write(chunk: Uint8Array): Promise<void> {
    try {
      await this.file.appendFile(chunk);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const isFull = code === 'ENOSPC' || code === 'EDQUOT';
      throw new ProblemError(
        isFull ? 'insufficient-capacity' : 'host-rejected',
        isFull
          ? `The folder of images is full: ${this.#bytes} bytes of ${this.source.label} fit. Make room, and try again.`
          : `The image cannot be written: ${message}`,
        { cause: error },
      );
    }
  }
}
