import { XdrWriter } from '../xdr/writer.ts';

export const Program = { REMOTE: 0x20008086, QEMU: 0x20008087, KEEPALIVE: 0x6b656570 } as const;
export const PROGRAM_VERSION = 1;

export const MessageType = {
  CALL: 0,
  REPLY: 1,
  MESSAGE: 2,
  STREAM: 3,
  CALL_WITH_FDS: 4,
  REPLY_WITH_FDS: 5,
  STREAM_HOLE: 6,
} as const;

export const Status = { OK: 0, ERROR: 1, CONTINUE: 2 } as const;

export const KeepaliveProcedure = { PING: 1, PONG: 2 } as const;

/** Length word and header. */
export const HEADER_BYTES = 28;
/** The daemon resets a connection that sends a longer packet; a longer one from it is a damaged stream. */
export const MAX_PACKET_BYTES = 33_554_436;

export interface PacketHeader {
  program: number;
  procedure: number;
  type: number;
  serial: number;
  status: number;
}

export interface Packet extends PacketHeader {
  version: number;
  /** A view into memory that the connection received; valid as long as it is referenced. */
  payload: Buffer;
}

/** Header of a packet whose payload of `payloadBytes` follows separately. */
export function encodeHeader(header: PacketHeader, payloadBytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES);
  buffer.writeUInt32BE(HEADER_BYTES + payloadBytes, 0);
  buffer.writeUInt32BE(header.program, 4);
  buffer.writeUInt32BE(PROGRAM_VERSION, 8);
  buffer.writeInt32BE(header.procedure, 12);
  buffer.writeInt32BE(header.type, 16);
  buffer.writeUInt32BE(header.serial, 20);
  buffer.writeInt32BE(header.status, 24);
  return buffer;
}

/** A whole packet, its payload written by `writePayload`. */
export function encodePacket(header: PacketHeader, writePayload?: (writer: XdrWriter) => void): Buffer {
  if (writePayload === undefined) return encodeHeader(header, 0);
  const writer = new XdrWriter();
  writer.fixed(encodeHeader(header, 0));
  writePayload(writer);
  const packet = writer.finish();
  if (packet.length > MAX_PACKET_BYTES)
    throw new RangeError(`a packet of ${packet.length} bytes is too long for libvirt`);
  packet.writeUInt32BE(packet.length, 0);
  return packet;
}

export function decodePacket(bytes: Buffer): Packet {
  return {
    program: bytes.readUInt32BE(4),
    version: bytes.readUInt32BE(8),
    procedure: bytes.readInt32BE(12),
    type: bytes.readInt32BE(16),
    serial: bytes.readUInt32BE(20),
    status: bytes.readInt32BE(24),
    payload: bytes.subarray(HEADER_BYTES),
  };
}
