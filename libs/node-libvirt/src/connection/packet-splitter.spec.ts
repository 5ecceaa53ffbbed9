import { describe, expect, it } from '@jest/globals';
import { encodeHeader, MAX_PACKET_BYTES, MessageType, Program, Status, type Packet } from '../protocol/packet.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { PacketSplitter } from './packet-splitter.ts';

function packet(serial: number, payload: Buffer, type: number = MessageType.REPLY): Buffer {
  const header = { program: Program.REMOTE, procedure: 1, type, serial, status: Status.OK };
  return Buffer.concat([encodeHeader(header, payload.length), payload]);
}

function split(chunks: Buffer[]): Packet[] {
  const packets: Packet[] = [];
  const splitter = new PacketSplitter((each) => packets.push(each));
  for (const chunk of chunks) splitter.push(chunk);
  return packets;
}

function slices(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return chunks;
}

describe('PacketSplitter', () => {
  const stream = Buffer.concat([
    packet(1, Buffer.from('one')),
    packet(2, Buffer.alloc(0)),
    packet(3, Buffer.alloc(1000, 7)),
    packet(4, Buffer.from('four')),
  ]);

  it.each([1, 2, 3, 5, 28, 31, 64, 1021, 100_000])('finds the packets in chunks of %i bytes', (size) => {
    const packets = split(slices(stream, size));
    expect(packets.map(({ serial }) => serial)).toEqual([1, 2, 3, 4]);
    expect(packets.map(({ payload }) => payload.length)).toEqual([3, 0, 1000, 4]);
    expect(packets[2]!.payload.equals(Buffer.alloc(1000, 7))).toBe(true);
  });

  it('hands on a packet within one chunk without copying it', () => {
    const chunk = packet(1, Buffer.from('data'));
    const [found] = split([chunk]);
    expect(found!.payload.buffer).toBe(chunk.buffer);
  });

  it.each([1, 3, 7, 4096])('skips the byte that stands for each descriptor, in chunks of %i bytes', (size) => {
    const descriptors = Buffer.alloc(4);
    descriptors.writeUInt32BE(2);
    const bytes = Buffer.concat([
      packet(1, Buffer.concat([descriptors, Buffer.from('ret!')]), MessageType.REPLY_WITH_FDS),
      Buffer.from([0, 0]),
      packet(2, Buffer.from('next')),
    ]);
    const packets = split(slices(bytes, size));
    expect(packets.map(({ payload }) => payload.toString())).toEqual(['ret!', 'next']);
  });

  it('takes the longest packet and refuses a longer one', () => {
    const length = Buffer.alloc(28);
    length.writeUInt32BE(MAX_PACKET_BYTES);
    expect(split([length])).toEqual([]);
    length.writeUInt32BE(MAX_PACKET_BYTES + 1);
    expect(() => split([length])).toThrow(ProtocolError);
    expect(() => split(slices(length, 1))).toThrow(ProtocolError);
  });

  it('refuses a packet that is shorter than its header', () => {
    const length = Buffer.alloc(28);
    length.writeUInt32BE(27);
    expect(() => split([length])).toThrow('out of range');
  });
});
