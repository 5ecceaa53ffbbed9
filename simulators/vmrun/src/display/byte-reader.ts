import type { Readable } from 'node:stream';

/** Reads a stream in exact portions. */
export class ByteReader {
  private readonly chunks: AsyncIterator<Buffer>;
  private pending = Buffer.alloc(0);

  constructor(stream: Readable) {
    this.chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** The next `length` bytes; throws when the stream ends before. */
  async take(length: number): Promise<Buffer> {
    while (this.pending.length < length) {
      const { value, done } = await this.chunks.next();
      if (done) throw new Error('the client left');
      this.pending = Buffer.concat([this.pending, value]);
    }
    const taken = this.pending.subarray(0, length);
    this.pending = this.pending.subarray(length);
    return taken;
  }
}
