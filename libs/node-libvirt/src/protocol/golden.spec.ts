import { describe, expect, it } from '@jest/globals';
import { readDomainStats } from '../facade/domain-stats.ts';
import { XdrReader } from '../xdr/reader.ts';
import { LibvirtError } from './errors.ts';
import { eventKinds } from './events.ts';
import { decodePacket, encodeHeader, encodePacket, MessageType, Program, Status } from './packet.ts';
import type { ArgsOf } from './procedure.ts';
import { entryOf, procedures, type Procedures } from './procedures.ts';
import { readFields, writeFields } from './schema.ts';
import { structs } from './structs.ts';

const TEST_UUID = '6695eb01-f6a4-8304-79aa-97f2502e193f';

/** Packets as a daemon (libvirt 9.0, test:///default) sent and took them. */
const golden = {
  authList: '0000001c200080860000000100000042000000000000000100000000',
  authListReply: '000000242000808600000001000000420000000100000001000000000000000100000000',
  supportsFeature: '0000002020008086000000010000003c0000000000000002000000000000000a',
  open: '00000038200080860000000100000001000000000000000300000000000000010000000f746573743a2f2f2f64656661756c740000000000',
  openReply: '0000001c200080860000000100000001000000010000000300000000',
  register: '0000002420008086000000010000013c0000000000000004000000000000000000000000',
  registerReply: '0000002020008086000000010000013c00000001000000040000000000000000',
  libVersionReply: '0000002420008086000000010000009d0000000100000005000000000000000000895440',
  lookup: '000000242000808600000001000000170000000000000006000000000000000474657374',
  lookupReply:
    '0000003820008086000000010000001700000001000000060000000000000004746573746695eb01f6a4830479aa97f2502e193f00000001',
  lookupError:
    '000000702000808600000001000000170000000100000007000000010000002a0000000c0000000100000010446f6d61696e206e6f7420666f756e6400000002000000000000000100000010446f6d61696e206e6f7420666f756e640000000000000000ffffffffffffffff00000000',
  bulkStats:
    '000000702000808600000001000001580000000100000009000000000000000100000004746573746695eb01f6a4830479aa97f2502e193f00000001000000020000000b73746174652e73746174650000000001000000010000000c73746174652e726561736f6e0000000100000000',
  lifecycle:
    '0000004420008086000000010000013e0000000200000001000000000000000000000004746573746695eb01f6a4830479aa97f2502e193f000000010000000300000000',
  ping: '0000001c6b6565700000000100000001000000020000000000000000',
  pong: '0000001c6b6565700000000100000002000000020000000000000000',
} as const;

function call<N extends keyof Procedures>(name: N, serial: number, args: ArgsOf<Procedures[N]>): string {
  const { program, procedure } = entryOf(name);
  return encodePacket(
    { program, procedure: procedure.number, type: MessageType.CALL, serial, status: Status.OK },
    (writer) => writeFields(writer, procedure.args, args as never),
  ).toString('hex');
}

function reply<N extends keyof Procedures>(name: N, hex: string) {
  const packet = decodePacket(Buffer.from(hex, 'hex'));
  expect(packet).toMatchObject({ program: Program.REMOTE, procedure: procedures[name].number, version: 1 });
  const reader = new XdrReader(packet.payload);
  const result = readFields(reader, procedures[name].ret as Procedures[N]['ret']);
  expect(reader.remaining).toBe(0);
  return { result, packet };
}

describe('golden packets', () => {
  it('asks for the authentication list', () => {
    expect(call('authList', 1, {})).toBe(golden.authList);
    expect(reply('authList', golden.authListReply).result).toEqual({ types: [0] });
  });

  it('asks for a feature', () => {
    expect(call('connectSupportsFeature', 2, { feature: 10 })).toBe(golden.supportsFeature);
  });

  it('opens a connection', () => {
    expect(call('connectOpen', 3, { name: 'test:///default' })).toBe(golden.open);
    const { result, packet } = reply('connectOpen', golden.openReply);
    expect(result).toEqual({});
    expect(packet).toMatchObject({ type: MessageType.REPLY, serial: 3, status: Status.OK });
  });

  it('registers an event for all domains', () => {
    expect(call('connectDomainEventCallbackRegisterAny', 4, { eventID: 0 })).toBe(golden.register);
    expect(reply('connectDomainEventCallbackRegisterAny', golden.registerReply).result).toEqual({ callbackID: 0 });
  });

  it('reads the version of the library', () => {
    expect(reply('connectGetLibVersion', golden.libVersionReply).result).toEqual({ libVer: 9_000_000n });
  });

  it('looks a domain up', () => {
    expect(call('domainLookupByName', 6, { name: 'test' })).toBe(golden.lookup);
    const { result } = reply('domainLookupByName', golden.lookupReply);
    expect(result).toEqual({ dom: { name: 'test', uuid: TEST_UUID, id: 1 } });
  });

  it('reads every field of an error', () => {
    const packet = decodePacket(Buffer.from(golden.lookupError, 'hex'));
    expect(packet.status).toBe(Status.ERROR);
    const reader = new XdrReader(packet.payload);
    const error = new LibvirtError(readFields(reader, structs.errorRecord), 'domainLookupByName');
    expect(reader.remaining).toBe(0);
    expect(error).toMatchObject({
      message: 'Domain not found',
      code: 42,
      codeName: 'NO_DOMAIN',
      domain: 12,
      domainName: 'TEST',
      level: 2,
      str1: 'Domain not found',
      str2: null,
      str3: null,
      int1: -1,
      int2: -1,
      procedure: 'domainLookupByName',
    });
  });

  it('reads bulk statistics, as parameters and as objects', () => {
    const { result, packet } = reply('connectGetAllDomainStats', golden.bulkStats);
    expect(result.retStats).toEqual([
      {
        dom: { name: 'test', uuid: TEST_UUID, id: 1 },
        params: [
          { field: 'state.state', type: 'int', value: 1 },
          { field: 'state.reason', type: 'int', value: 0 },
        ],
      },
    ]);
    const [stats] = readDomainStats(new XdrReader(packet.payload), 1234);
    expect(stats).toMatchObject({
      uuid: TEST_UUID,
      name: 'test',
      id: 1,
      sampledAtMs: 1234,
      state: 1,
      stateReason: 0,
      other: {},
    });
  });

  it('reads an event, which carries serial 1', () => {
    const packet = decodePacket(Buffer.from(golden.lifecycle, 'hex'));
    expect(packet).toMatchObject({ type: MessageType.MESSAGE, serial: 1, procedure: 318 });
    const reader = new XdrReader(packet.payload);
    expect(reader.i32()).toBe(0);
    expect(readFields(reader, eventKinds.domain.lifecycle.fields)).toEqual({
      dom: { name: 'test', uuid: TEST_UUID, id: 1 },
      event: 3,
      detail: 0,
    });
    expect(reader.remaining).toBe(0);
  });

  it('writes keepalive', () => {
    const keepalive = (procedure: number) =>
      encodeHeader(
        { program: Program.KEEPALIVE, procedure, type: MessageType.MESSAGE, serial: 0, status: Status.OK },
        0,
      ).toString('hex');
    expect(keepalive(1)).toBe(golden.ping);
    expect(keepalive(2)).toBe(golden.pong);
  });
});
