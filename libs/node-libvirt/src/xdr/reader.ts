import { ProtocolError } from '../protocol/errors.ts';

const TWO_POW_32 = 0x1_0000_0000;
/** High words from here on make a value that a double cannot hold exactly. */
const UNSAFE_HIGH_WORD = 0x20_0000;

/** libvirt refuses longer strings, so a longer one means that the packet is damaged. */
export const MAX_STRING_BYTES = 4_194_304;

/** Reads XDR (RFC 4506) from one packet without copying it. Every read past the end throws a {@link ProtocolError}. */
export class XdrReader {
  private readonly buffer: Buffer;
  private offset: number;

  constructor(buffer: Buffer, offset = 0) {
    this.buffer = buffer;
    this.offset = offset;
  }

  get remaining(): number {
    return this.buffer.length - this.offset;
  }

  i32(): number {
    return this.buffer.readInt32BE(this.take(4));
  }

  u32(): number {
    return this.buffer.readUInt32BE(this.take(4));
  }

  i64(): bigint {
    return this.buffer.readBigInt64BE(this.take(8));
  }

  u64(): bigint {
    return this.buffer.readBigUInt64BE(this.take(8));
  }

  f64(): number {
    return this.buffer.readDoubleBE(this.take(8));
  }

  /** A 64-bit unsigned value as a number. Above 2^53 it is the nearest double. */
  u64AsNumber(): number {
    const at = this.take(8);
    return this.buffer.readUInt32BE(at) * TWO_POW_32 + this.buffer.readUInt32BE(at + 4);
  }

  /** A 64-bit unsigned value as a number where that is exact, else as a bigint. */
  u64AsSafe(): number | bigint {
    const at = this.take(8);
    const high = this.buffer.readUInt32BE(at);
    if (high >= UNSAFE_HIGH_WORD) return this.buffer.readBigUInt64BE(at);
    return high * TWO_POW_32 + this.buffer.readUInt32BE(at + 4);
  }

  string(): string {
    const size = this.u32();
    if (size > MAX_STRING_BYTES) throw new ProtocolError(`string of ${size} bytes is longer than libvirt allows`);
    const at = this.take(padded(size));
    return this.buffer.toString('utf8', at, at + size);
  }

  /** A string that is known to be plain ASCII (keys of statistics), which decodes faster. */
  asciiString(): string {
    const size = this.u32();
    if (size > MAX_STRING_BYTES) throw new ProtocolError(`string of ${size} bytes is longer than libvirt allows`);
    const at = this.take(padded(size));
    return this.buffer.toString('latin1', at, at + size);
  }

  /** Copies, so that a small value does not keep its whole packet in memory. */
  opaque(): Buffer {
    const size = this.u32();
    const at = this.take(padded(size));
    return Buffer.from(this.buffer.subarray(at, at + size));
  }

  /** A view of `size` raw bytes; valid while the packet is. */
  fixed(size: number): Buffer {
    const at = this.take(size);
    return this.buffer.subarray(at, at + size);
  }

  /** The element count of a list. No element is shorter than four bytes, which bounds what a damaged count can allocate. */
  count(): number {
    const count = this.u32();
    if (count > this.remaining / 4) throw new ProtocolError(`list of ${count} elements does not fit in its packet`);
    return count;
  }

  private take(size: number): number {
    const at = this.offset;
    if (at + size > this.buffer.length) throw new ProtocolError('packet ends in the middle of a value');
    this.offset = at + size;
    return at;
  }
}

function padded(size: number): number {
  return size + (-size & 3);
}
