import type { Duplex } from 'node:stream';

/** Reads a stream by numbers of bytes, until it is handed on with {@link release}. */
export class ByteReader {
  readonly #stream: Duplex;
  #bytes: Buffer = Buffer.alloc(0);
  #ended: Error | undefined;
  #wake = () => {};

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on('data', this.#take);
    stream.on('error', this.#end);
    stream.on('close', this.#end);
    stream.on('end', this.#end);
    if (stream.destroyed) this.#end(stream.errored ?? undefined);
    // One that another reader has released.
    stream.resume();
  }

  /** Exactly so many bytes. Rejects when the stream ends before. */
  async read(count: number): Promise<Buffer> {
    while (this.#bytes.length < count) {
      if (this.#ended) throw this.#ended;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const bytes = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return bytes;
  }

  /** Leaves the stream to somebody else, with what was read too much put back. */
  release(): void {
    this.#stream.off('data', this.#take);
    this.#stream.off('error', this.#end);
    this.#stream.off('close', this.#end);
    this.#stream.off('end', this.#end);
    this.#stream.pause();
    if (this.#bytes.length > 0) this.#stream.unshift(this.#bytes);
  }

  readonly #take = (bytes: Buffer) => {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    this.#wake();
  };

  readonly #end = (error?: Error) => {
    this.#ended ??= error instanceof Error ? error : new Error('the connection ended');
    this.#wake();
  };
}
