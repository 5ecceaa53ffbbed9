import { ProtocolError } from '../protocol/errors.ts';
import { decodePacket, HEADER_BYTES, MAX_PACKET_BYTES, MessageType, type Packet } from '../protocol/packet.ts';

/**
 * Cuts the byte stream into packets. A packet that lies within one chunk is handed on as a view of it; one that spans
 * chunks is copied once, when it is complete, whatever the number of chunks.
 */
export class PacketSplitter {
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  /** Bytes of the packet being collected, or 0 while its length word is not complete. */
  private wanted = 0;
  /** One byte for each file descriptor follows a reply outside its length. */
  private skip = 0;
  private readonly onPacket: (packet: Packet) => void;

  constructor(onPacket: (packet: Packet) => void) {
    this.onPacket = onPacket;
  }

  /** Throws {@link ProtocolError} on a length that no packet can have; the stream cannot be followed after that. */
  push(chunk: Buffer): void {
    if (this.pendingBytes > 0) {
      this.pending.push(chunk);
      this.pendingBytes += chunk.length;
      if (this.wanted === 0 && this.pendingBytes >= 4) {
        this.join();
        this.wanted = packetLength(this.pending[0]!, 0);
      }
      if (this.wanted === 0 || this.pendingBytes < this.wanted) return;
      chunk = this.join();
      this.pending = [];
      this.pendingBytes = 0;
    }
    this.split(chunk);
  }

  private split(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.skip > 0) {
        const skipped = Math.min(this.skip, chunk.length - offset);
        this.skip -= skipped;
        offset += skipped;
        continue;
      }
      const available = chunk.length - offset;
      this.wanted = available < 4 ? 0 : packetLength(chunk, offset);
      if (this.wanted === 0 || available < this.wanted) {
        this.pending = [chunk.subarray(offset)];
        this.pendingBytes = available;
        return;
      }
      const packet = decodePacket(chunk.subarray(offset, offset + this.wanted));
      offset += this.wanted;
      this.wanted = 0;
      if (packet.type === MessageType.REPLY_WITH_FDS || packet.type === MessageType.CALL_WITH_FDS) {
        if (packet.payload.length < 4) throw new ProtocolError('reply with descriptors does not say how many');
        this.skip = packet.payload.readUInt32BE(0);
        packet.payload = packet.payload.subarray(4);
      }
      this.onPacket(packet);
    }
  }

  private join(): Buffer {
    const joined = this.pending.length === 1 ? this.pending[0]! : Buffer.concat(this.pending, this.pendingBytes);
    this.pending = [joined];
    return joined;
  }
}

function packetLength(bytes: Buffer, offset: number): number {
  const length = bytes.readUInt32BE(offset);
  if (length < HEADER_BYTES || length > MAX_PACKET_BYTES)
    throw new ProtocolError(`packet length ${length} is out of range`);
  return length;
}
