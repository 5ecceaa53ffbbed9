import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { SourceInterrupted } from '../images/source-interruptions.ts';
import type { ImageSource, OpenSource } from '../driver.ts';

/** An ISO image of this size in bytes, which is all zeros but for what says so. */
export function isoOf(bytes: number): Buffer {
  const content = Buffer.alloc(Math.max(bytes, 0x8800));
  content.write('\x01CD001\x01', 0x8000, 'latin1');
  return content;
}

export const sha256Of = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');

export interface SourceHabits {
  /** Where the stream is cut, once for each. */
  readonly cuts?: readonly number[];
  readonly sha256?: string;
  /** Whether it can be opened at another place than its beginning. */
  readonly resumes?: boolean;
  /** Whether it says how long it is. */
  readonly tellsSize?: boolean;
  readonly chunkBytes?: number;
}

/** A source whose content is in memory; it notes where it was opened. */
export class MemorySource implements ImageSource {
  readonly label = 'memory:image';
  readonly sha256: string | undefined;
  readonly openedAt: number[] = [];
  readonly #cuts: number[];

  constructor(
    public content: Buffer,
    private readonly habits: SourceHabits = {},
  ) {
    this.sha256 = habits.sha256;
    this.#cuts = [...(habits.cuts ?? [])];
  }

  async open(_signal: AbortSignal, from?: { readonly offset: number; readonly tag: string }): Promise<OpenSource> {
    const { resumes = true, tellsSize = true, chunkBytes = 64 * 1_024 } = this.habits;
    const tag = sha256Of(this.content);
    const offset = resumes && from?.tag === tag ? from.offset : 0;
    this.openedAt.push(offset);
    const { content } = this;
    const cuts = this.#cuts;
    async function* chunks() {
      for (let at = offset; at < content.length; at += chunkBytes) {
        const [cut] = cuts;
        const end = Math.min(at + chunkBytes, content.length);
        if (cut !== undefined && cut < end) {
          cuts.shift();
          if (cut > at) yield content.subarray(at, cut);
          throw new SourceInterrupted('somebody pulled the plug');
        }
        yield content.subarray(at, end);
      }
    }
    return {
      offset,
      ...(tellsSize && { bytes: content.length }),
      ...(resumes && { tag }),
      // Nothing is read ahead: what a stream holds is lost with it.
      content: Readable.from(chunks(), { objectMode: false, highWaterMark: 1 }),
    };
  }
}
