import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { CallTimeoutError, ConnectionLostError, LibvirtError, ProtocolError } from '../protocol/errors.ts';
import { encodeHeader, KeepaliveProcedure, MessageType, Program, Status, type Packet } from '../protocol/packet.ts';
import { entryOf } from '../protocol/procedures.ts';
import { eventPacket, FakeDaemon, Refusal, replyPacket, type FakeClient } from '../testing/fake-daemon.ts';
import { RpcConnection, type ConnectionOptions } from './rpc-connection.ts';

const UUID = '6695eb01-f6a4-8304-79aa-97f2502e193f';
const lookupById = entryOf('domainLookupById');
const version = entryOf('connectGetLibVersion');

/** A promise with its handles outside, for a handler that answers when the test says so. */
function deferred<T>() {
  return Promise.withResolvers<T>();
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

describe('RpcConnection', () => {
  let daemon: FakeDaemon;
  let client: FakeClient;
  let connection: RpcConnection;

  async function dial(options: ConnectionOptions = {}): Promise<void> {
    daemon = new FakeDaemon();
    daemon.on('connectGetLibVersion', () => ({ libVer: 9_000_000n }));
    const dialled = await daemon.dial();
    client = dialled.client;
    connection = new RpcConnection(dialled.socket, options);
  }

  async function open(options: ConnectionOptions = {}): Promise<void> {
    await dial(options);
    await connection.call(entryOf('authList'), {});
    await connection.call(entryOf('connectOpen'), { name: 'test:///default' });
  }

  afterEach(async () => {
    connection.destroy();
    await daemon.close();
  });

  it('is refused without the authentication list, with a null name, and opened with an empty one', async () => {
    await dial();
    await expect(connection.call(entryOf('connectOpen'), { name: '' })).rejects.toThrow('authentication required');
    await connection.call(entryOf('authList'), {});
    await expect(connection.call(version, {})).rejects.toThrow('hypervisor connection not open');
    await expect(connection.call(entryOf('connectOpen'), { name: null })).rejects.toMatchObject({ code: 1 });
    await expect(connection.call(entryOf('connectOpen'), { name: '' })).resolves.toEqual({});
  });

  it('matches replies that come out of order', async () => {
    await open();
    const first = deferred<void>();
    daemon.on('domainLookupById', async ({ id }) => {
      if (id === 1) await first.promise;
      return { dom: { name: `d${id}`, uuid: UUID, id } };
    });
    const slow = connection.call(lookupById, { id: 1 });
    await expect(connection.call(lookupById, { id: 2 })).resolves.toMatchObject({ dom: { name: 'd2' } });
    first.resolve();
    await expect(slow).resolves.toMatchObject({ dom: { name: 'd1' } });
  });

  it('answers an error reply with all of its fields', async () => {
    await open();
    daemon.on('domainLookupById', () => {
      throw new Refusal(42, 'Domain not found', 'no domain with id 5');
    });
    const error = await connection.call(lookupById, { id: 5 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LibvirtError);
    expect(error).toMatchObject({ code: 42, str2: 'no domain with id 5', procedure: 'domainLookupById' });
  });

  it('does not take an event with serial 1 for the reply to call 1', async () => {
    await dial();
    const dom = { name: 'test', uuid: UUID, id: 1 };
    daemon.on('authList', (_args, { serial }) => {
      client.send(
        Buffer.concat([
          eventPacket('domain', 'lifecycle', 0, { dom, event: 3, detail: 0 }),
          replyPacket('authList', serial, { types: [0] }),
        ]),
      );
      return new Promise<never>(() => {});
    });
    const events: Packet[] = [];
    connection.on('message', (packet) => events.push(packet));
    await expect(connection.call(entryOf('authList'), {})).resolves.toEqual({ types: [0] });
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ serial: 1, procedure: 318 });
  });

  it('keeps four calls in flight, so that the daemon never stops reading', async () => {
    await open();
    const gates = Array.from({ length: 10 }, () => deferred<void>());
    let working = 0;
    let most = 0;
    daemon.on('domainLookupById', async ({ id }) => {
      most = Math.max(most, ++working);
      await gates[id]!.promise;
      working--;
      return { dom: { name: '', uuid: UUID, id } };
    });
    const calls = gates.map((_, id) => connection.call(lookupById, { id }));
    await until(() => working === 4);
    expect(connection.inFlight).toBe(4);
    expect(connection.queued).toBe(6);
    for (const gate of gates) gate.resolve();
    await Promise.all(calls);
    expect(most).toBe(4);
    expect(connection.inFlight).toBe(0);
  });

  it('would meet silence with more: the daemon does not read a sixth call, nor keepalive', async () => {
    await open({ maxInFlight: 6 });
    const gate = deferred<void>();
    daemon.on('domainLookupById', async ({ id }) => {
      await gate.promise;
      return { dom: { name: '', uuid: UUID, id } };
    });
    const five = [0, 1, 2, 3, 4].map((id) => connection.call(lookupById, { id }));
    await expect(connection.call(version, {}, { timeoutMs: 50 })).rejects.toBeInstanceOf(CallTimeoutError);
    gate.resolve();
    await Promise.all(five);
    await expect(connection.call(version, {})).resolves.toEqual({ libVer: 9_000_000n });
  });

  it('lets urgent calls pass waiting ones', async () => {
    await open({ maxInFlight: 1 });
    const gate = deferred<void>();
    const order: number[] = [];
    daemon.on('domainLookupById', async ({ id }) => {
      order.push(id);
      if (id === 0) await gate.promise;
      return { dom: { name: '', uuid: UUID, id } };
    });
    const calls = [
      connection.call(lookupById, { id: 0 }),
      connection.call(lookupById, { id: 3 }, { priority: 'low' }),
      connection.call(lookupById, { id: 2 }),
      connection.call(lookupById, { id: 1 }, { priority: 'high' }),
    ];
    gate.resolve();
    await Promise.all(calls);
    expect(order).toEqual([0, 1, 2, 3]);
  });

  it('ignores a late reply, but keeps its slot until then', async () => {
    await open({ maxInFlight: 1 });
    const gate = deferred<void>();
    daemon.on('domainLookupById', async ({ id }) => {
      await gate.promise;
      return { dom: { name: '', uuid: UUID, id } };
    });
    const error = await connection.call(lookupById, { id: 1 }, { timeoutMs: 20 }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'CallTimeoutError', sent: true, procedure: 'domainLookupById', timeoutMs: 20 });
    expect(connection.inFlight).toBe(1);

    const queued = await connection.call(version, {}, { timeoutMs: 20 }).catch((reason: unknown) => reason);
    expect(queued).toMatchObject({ name: 'CallTimeoutError', sent: false });
    expect(connection.queued).toBe(0);

    gate.resolve();
    await expect(connection.call(version, {})).resolves.toEqual({ libVer: 9_000_000n });
    expect(connection.inFlight).toBe(0);
  });

  it('gives a call up when its signal says so', async () => {
    await open();
    const gate = deferred<void>();
    daemon.on('domainLookupById', async ({ id }) => {
      await gate.promise;
      return { dom: { name: '', uuid: UUID, id } };
    });
    const abort = new AbortController();
    const call = connection.call(lookupById, { id: 1 }, { signal: abort.signal });
    abort.abort(new Error('the user went away'));
    await expect(call).rejects.toThrow('the user went away');
    await expect(connection.call(version, {}, { signal: abort.signal })).rejects.toThrow('the user went away');
    gate.resolve();
    await expect(connection.call(version, {})).resolves.toBeDefined();
  });

  it('tells a call that was sent from one that was not when the connection is lost', async () => {
    await open({ maxInFlight: 1 });
    const reached = deferred<void>();
    daemon.on('domainLookupById', async () => {
      reached.resolve();
      return new Promise<never>(() => {});
    });
    const closed = once(connection, 'close');
    const sent = connection.call(lookupById, { id: 1 }).catch((reason: unknown) => reason);
    const waiting = connection.call(version, {}).catch((reason: unknown) => reason);
    await reached.promise;
    client.socket.destroy();
    expect(await sent).toMatchObject({ name: 'ConnectionLostError', sent: true, procedure: 'domainLookupById' });
    expect(await waiting).toMatchObject({ name: 'ConnectionLostError', sent: false });
    await closed;
    expect(connection.closed).toBe(true);
    await expect(connection.call(version, {})).rejects.toBeInstanceOf(ConnectionLostError);
  });

  it('answers the daemon when it asks for a sign of life', async () => {
    await open();
    const ping = { program: Program.KEEPALIVE, type: MessageType.MESSAGE, serial: 0, status: Status.OK };
    client.send(encodeHeader({ ...ping, procedure: KeepaliveProcedure.PING }, 0));
    await until(() => client.received.some(({ program }) => program === Program.KEEPALIVE));
    expect(client.received.at(-1)).toMatchObject({ procedure: KeepaliveProcedure.PONG, serial: 0 });
  });

  it('asks a silent daemon for a sign of life, and ends when none comes', async () => {
    await open({ keepalive: { intervalMs: 5, count: 20 } });
    const pings = () => client.received.filter(({ program }) => program === Program.KEEPALIVE).length;
    await until(() => pings() >= 6);
    expect(connection.closed).toBe(false);
    daemon.answersPing = false;
    const [reason] = (await once(connection, 'close')) as [Error];
    expect(reason.message).toContain('keepalive');
  });

  it('ends on a reply to a call that it never made', async () => {
    await open();
    client.send(replyPacket('connectGetLibVersion', 4711, { libVer: 1n }));
    const [reason] = (await once(connection, 'close')) as [Error];
    expect(reason).toBeInstanceOf(ProtocolError);
  });

  it('ends on a length that no packet can have', async () => {
    await open();
    client.send(Buffer.alloc(28, 0xff));
    const [reason] = (await once(connection, 'close')) as [Error];
    expect(reason).toBeInstanceOf(ProtocolError);
  });

  it('fails only the call whose reply does not fit its schema', async () => {
    await open();
    daemon.on('domainLookupById', (_args, { serial }) => {
      const header = { program: Program.REMOTE, procedure: 22, type: MessageType.REPLY, serial, status: Status.OK };
      client.send(Buffer.concat([encodeHeader(header, 4), Buffer.from([0, 0, 0, 9])]));
      return new Promise<never>(() => {});
    });
    await expect(connection.call(lookupById, { id: 1 })).rejects.toBeInstanceOf(ProtocolError);
    await expect(connection.call(version, {})).resolves.toEqual({ libVer: 9_000_000n });
  });

  it('keeps in step behind a reply that came with descriptors', async () => {
    await open();
    daemon.on('domainLookupById', (_args, { serial }) => {
      const reply = replyPacket('domainLookupById', serial, { dom: { name: 'fd', uuid: UUID, id: 1 } });
      const count = Buffer.from([0, 0, 0, 1]);
      const withDescriptor = Buffer.concat([reply.subarray(0, 28), count, reply.subarray(28), Buffer.from([0])]);
      withDescriptor.writeUInt32BE(reply.length + 4, 0);
      withDescriptor.writeInt32BE(MessageType.REPLY_WITH_FDS, 16);
      client.send(withDescriptor);
      return new Promise<never>(() => {});
    });
    await expect(connection.call(lookupById, { id: 1 })).resolves.toMatchObject({ dom: { name: 'fd' } });
    await expect(connection.call(version, {})).resolves.toEqual({ libVer: 9_000_000n });
  });

  it('does not send arguments that do not fit, and loses no slot by it', async () => {
    await open({ maxInFlight: 1 });
    const sent = client.received.length;
    await expect(connection.call(lookupById, { id: 'x' } as never)).rejects.toThrow('id: expected a number');
    expect(client.received).toHaveLength(sent);
    await expect(connection.call(version, {})).resolves.toBeDefined();
  });
});
