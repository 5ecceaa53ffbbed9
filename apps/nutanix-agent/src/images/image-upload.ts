import { createHash } from 'node:crypto';
import { ProblemError } from '@polyvirt/contracts';
import {
  readImage,
  requireChecksum,
  requireSectors,
  type ImageFormat,
  type ImageSource,
  type OperationContext,
} from '@polyvirt/hypervisor';
import { backOff, pause } from '../client/back-off.ts';
import { isUnauthenticated, mayPass, type PrismClient } from '../client/prism-client.ts';
import type { ImageEntities } from './image-entities.ts';

const tries = 5;
/** The rest is for what Prism does with it once it has it. */
const sentPercent = 95;

export interface SeenContent {
  readonly format: ImageFormat;
  /** Absent when the source does not say. */
  readonly bytes?: number;
}

type Telling = Pick<OperationContext, 'signal' | 'progress'>;

/** Passes what a source has on to an image of Prism, which takes it whole or not at all. */
export class ImageUpload {
  readonly #client: PrismClient;
  readonly #entities: ImageEntities;
  readonly #retryMs: number;

  constructor(client: PrismClient, entities: ImageEntities, retryMs = 1_000) {
    this.#client = client;
    this.#entities = entities;
    this.#retryMs = retryMs;
  }

  /**
   * Answers the SHA-256 of what was sent; undefined when a process before has sent it. What another checksum has, or another
   * length than it said, Prism never gets the end of.
   */
  async send(uuid: string, source: ImageSource, seen: SeenContent, context: Telling): Promise<string | undefined> {
    const sha256 = await this.#sent(uuid, source, seen, context);
    await this.#entities.taken(uuid, context.signal);
    return sha256;
  }

  async #sent(uuid: string, source: ImageSource, seen: SeenContent, context: Telling): Promise<string | undefined> {
    const { signal } = context;
    let sha256: string | undefined;
    for (let attempt = 0; ; attempt += 1) {
      // It may have been taken: for a process that died, or with an answer that was lost.
      if (await this.#entities.hasContent(uuid, signal)) return sha256;
      const content = new CheckedContent(source, seen, context);
      try {
        await this.#client.send(`/images/${uuid}/file`, {
          content: content.chunks(),
          ...(seen.bytes !== undefined && { bytes: seen.bytes }),
          headers: checksumHeaders(source),
          signal,
        });
        return content.sha256;
      } catch (error) {
        signal.throwIfAborted();
        if (!(mayPass(error) || isUnauthenticated(error)) || attempt + 1 >= tries) throw error;
      }
      sha256 = content.sha256;
      await pause(backOff(attempt, this.#retryMs, 10 * this.#retryMs), signal);
    }
  }
}

/** Prism checks what arrives by these; the checksum in the spec of an image is for what it fetches itself. */
const checksumHeaders = ({ sha256 }: ImageSource): Record<string, string> =>
  sha256 === undefined ? {} : { 'x-nutanix-checksum-type': 'SHA_256', 'x-nutanix-checksum-bytes': sha256 };

/** What a source has, whose last piece comes only when all of it is as it should be. */
class CheckedContent {
  #sha256: string | undefined;

  constructor(
    private readonly source: ImageSource,
    private readonly seen: SeenContent,
    private readonly context: Telling,
  ) {}

  get sha256(): string | undefined {
    return this.#sha256;
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    let bytes = 0;
    let held: Uint8Array | undefined;
    for await (const chunk of readImage(this.source, { signal: this.context.signal })) {
      hash.update(chunk);
      bytes += chunk.length;
      if (bytes > (this.seen.bytes ?? Infinity)) throw this.#changed();
      if (held) yield held;
      held = chunk;
      this.#tell(bytes);
    }
    if (this.seen.bytes !== undefined && bytes !== this.seen.bytes) throw this.#changed();
    if (this.seen.format === 'raw') requireSectors(bytes);
    const found = hash.digest('hex');
    requireChecksum(this.source, found);
    this.#sha256 = found;
    if (held) yield held;
  }

  #tell(bytes: number): void {
    const { bytes: total } = this.seen;
    if (total !== undefined && total > 0) this.context.progress((sentPercent * bytes) / total);
  }

  #changed(): ProblemError {
    return new ProblemError('fetch-failed', `${this.source.label} became another file while it was read. Try again.`);
  }
}
