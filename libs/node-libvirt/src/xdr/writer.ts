const INITIAL_SIZE = 256;

/** Writes XDR (RFC 4506) into one growing buffer. Every value takes a multiple of four bytes. */
export class XdrWriter {
  private buffer: Buffer;
  private length = 0;

  constructor(initialSize = INITIAL_SIZE) {
    this.buffer = Buffer.allocUnsafe(initialSize);
  }

  i32(value: number): void {
    this.reserve(4);
    this.length = this.buffer.writeInt32BE(value, this.length);
  }

  u32(value: number): void {
    this.reserve(4);
    this.length = this.buffer.writeUInt32BE(value, this.length);
  }

  i64(value: bigint): void {
    this.reserve(8);
    this.length = this.buffer.writeBigInt64BE(value, this.length);
  }

  u64(value: bigint): void {
    this.reserve(8);
    this.length = this.buffer.writeBigUInt64BE(value, this.length);
  }

  f64(value: number): void {
    this.reserve(8);
    this.length = this.buffer.writeDoubleBE(value, this.length);
  }

  /** Length word, UTF-8 bytes, zero padding. */
  string(value: string): void {
    const size = Buffer.byteLength(value);
    this.u32(size);
    this.reserve(size + 3);
    this.buffer.write(value, this.length, size, 'utf8');
    this.length += size;
    this.pad(size);
  }

  /** Length word, raw bytes, zero padding. */
  opaque(value: Uint8Array): void {
    this.u32(value.length);
    this.fixed(value);
    this.pad(value.length);
  }

  /** Raw bytes without a length. The caller answers for the alignment. */
  fixed(value: Uint8Array): void {
    this.reserve(value.length + 3);
    this.buffer.set(value, this.length);
    this.length += value.length;
  }

  finish(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  private pad(size: number): void {
    for (let rest = size & 3; rest !== 0 && rest < 4; rest++) this.buffer[this.length++] = 0;
  }

  private reserve(size: number): void {
    if (this.length + size <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + size));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }
}
