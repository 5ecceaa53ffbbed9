import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { ConnectionLostError, LibvirtError } from '../protocol/errors.ts';
import { MessageType, Program, Status, type Packet } from '../protocol/packet.ts';
import { entryOf } from '../protocol/procedures.ts';
import {
  errorPacket,
  FakeDaemon,
  Refusal,
  replyPacket,
  streamPacket,
  type FakeClient,
} from '../testing/fake-daemon.ts';
import { XdrReader } from '../xdr/reader.ts';
import { XdrWriter } from '../xdr/writer.ts';
import type { SparseChunk } from './libvirt-stream.ts';
import { RpcConnection } from './rpc-connection.ts';

const vol = { pool: 'p', name: 'v' };
const range = { vol, offset: 0, length: 0 };
const download = entryOf('storageVolDownload');
const upload = entryOf('storageVolUpload');
const console = entryOf('domainOpenConsole');
const consoleArgs = { dom: { uuid: '6695eb01-f6a4-8304-79aa-97f2502e193f' } };

describe('LibvirtStream', () => {
  let daemon: FakeDaemon;
  let client: FakeClient;
  let connection: RpcConnection;
  let packets: Packet[];
  /** Serial of the stream that was opened last. */
  let serial: number;

  beforeEach(async () => {
    daemon = new FakeDaemon();
    const dialled = await daemon.dial();
    client = dialled.client;
    connection = new RpcConnection(dialled.socket);
    packets = [];
    daemon.onStream = (packet) => packets.push(packet);
    for (const name of ['storageVolDownload', 'storageVolUpload', 'domainOpenConsole'] as const) {
      daemon.on(name, (_args, call) => {
        serial = call.serial;
      });
    }
    await connection.call(entryOf('authList'), {});
    await connection.call(entryOf('connectOpen'), { name: '' });
  });

  afterEach(async () => {
    connection.destroy();
    await daemon.close();
  });

  /** Confirms the end of a stream as the daemon does. */
  function confirmFinish(name: 'storageVolDownload' | 'storageVolUpload' | 'domainOpenConsole'): void {
    daemon.onStream = (packet) => {
      packets.push(packet);
      if (packet.status === Status.CONTINUE) return;
      client.send(streamPacket(name, packet.serial, Status.OK));
    };
  }

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise(setImmediate);
  }

  it('reads data that shares a chunk with the reply, up to the empty packet, and then finishes', async () => {
    daemon.on('storageVolDownload', (_args, call) => {
      client.send(
        Buffer.concat([
          replyPacket('storageVolDownload', call.serial, undefined),
          streamPacket('storageVolDownload', call.serial, Status.CONTINUE, Buffer.from('first ')),
          streamPacket('storageVolDownload', call.serial, Status.CONTINUE, Buffer.from('second')),
          streamPacket('storageVolDownload', call.serial, Status.CONTINUE),
        ]),
      );
      return new Promise<never>(() => {});
    });
    confirmFinish('storageVolDownload');
    const { stream } = await connection.openStream(download, range);
    expect((await buffer(stream)).toString()).toBe('first second');
    expect(packets).toMatchObject([{ type: MessageType.STREAM, status: Status.OK, procedure: 209 }]);
  });

  it('does not end before the daemon confirms that the data were whole', async () => {
    const { stream } = await connection.openStream(download, range);
    let ended = false;
    stream.on('end', () => (ended = true)).resume();
    client.send(streamPacket('storageVolDownload', serial, Status.CONTINUE, Buffer.from('data')));
    client.send(streamPacket('storageVolDownload', serial, Status.CONTINUE));
    await until(() => packets.length > 0);
    expect(ended).toBe(false);
    client.send(streamPacket('storageVolDownload', serial, Status.OK));
    await once(stream, 'end');
  });

  it('uploads in packets and finishes only when the daemon confirms', async () => {
    const { stream } = await connection.openStream(upload, range);
    let finished = false;
    stream.on('finish', () => (finished = true));
    stream.end(Buffer.alloc(600_000, 1));
    await until(() => packets.some(({ status }) => status === Status.OK));
    expect(packets.map(({ payload }) => payload.length)).toEqual([262_144, 262_144, 75_712, 0]);
    expect(finished).toBe(false);
    client.send(streamPacket('storageVolUpload', serial, Status.OK));
    await once(stream, 'finish');
  });

  it('never sends an empty data packet, which would mean the end', async () => {
    confirmFinish('storageVolUpload');
    const { stream } = await connection.openStream(upload, range);
    await pipeline([Buffer.from('a'), Buffer.alloc(0), Buffer.from('b')], stream);
    expect(packets.map(({ payload }) => payload.toString())).toEqual(['a', 'b', '']);
    expect(packets.at(-1)!.status).toBe(Status.OK);
  });

  it('fails an upload with the error of the daemon', async () => {
    const { stream } = await connection.openStream(upload, range);
    daemon.onStream = (packet) => {
      const header = { ...packet, type: MessageType.STREAM };
      client.send(errorPacket(header, new Refusal(38, 'No space left on device')));
    };
    const endless = (function* () {
      for (;;) yield Buffer.alloc(65_536);
    })();
    await expect(pipeline(endless, stream)).rejects.toMatchObject({ code: 38, procedure: 'storageVolUpload' });
    // The connection itself is still good.
    await expect(connection.call(entryOf('authList'), {})).resolves.toBeDefined();
  });

  it('reports an error that came with the reply to a listener that is added later', async () => {
    daemon.on('storageVolDownload', (_args, call) => {
      const header = { program: Program.REMOTE, procedure: 209, serial: call.serial, type: MessageType.STREAM };
      client.send(
        Buffer.concat([
          replyPacket('storageVolDownload', call.serial, undefined),
          errorPacket(header, new Refusal(38, 'cannot read')),
        ]),
      );
      return new Promise<never>(() => {});
    });
    const { stream } = await connection.openStream(download, range);
    await expect(buffer(stream)).rejects.toBeInstanceOf(LibvirtError);
  });

  it('rejects when the daemon refuses to open', async () => {
    daemon.on('storageVolDownload', () => {
      throw new Refusal(50, 'no storage vol');
    });
    await expect(connection.openStream(download, range)).rejects.toMatchObject({ code: 50 });
    await expect(connection.call(entryOf('authList'), {})).resolves.toBeDefined();
  });

  it('gives the connection up when it no longer waits for a stream that the daemon may still open', async () => {
    daemon.on('storageVolDownload', () => new Promise<never>(() => {}));
    await expect(connection.openStream(download, range, { timeoutMs: 20 })).rejects.toThrow('20 ms');
    expect(connection.closed).toBe(true);
  });

  it('aborts when it is destroyed, and drops what still arrives until the daemon confirms', async () => {
    const { stream } = await connection.openStream(download, range);
    stream.destroy();
    await until(() => packets.length > 0);
    expect(packets[0]).toMatchObject({ type: MessageType.STREAM, status: Status.ERROR });
    expect(packets[0]!.payload).toHaveLength(0);
    client.send(streamPacket('storageVolDownload', serial, Status.CONTINUE, Buffer.from('late')));
    client.send(streamPacket('storageVolDownload', serial, Status.OK));
    client.send(streamPacket('storageVolDownload', serial, Status.CONTINUE, Buffer.from('even later')));
    await expect(connection.call(entryOf('authList'), {})).resolves.toBeDefined();
  });

  it('stops reading the connection while nobody takes the data', async () => {
    const { stream } = await connection.openStream(download, range);
    const chunk = streamPacket('storageVolDownload', serial, Status.CONTINUE, Buffer.alloc(262_144));
    for (let sent = 0; sent < 100; sent++) client.socket.write(chunk);
    await until(() => stream.readableLength > 1_000_000);
    await expect(connection.call(entryOf('authList'), {}, { timeoutMs: 50 })).rejects.toThrow('50 ms');
    expect(client.socket.writableLength).toBeGreaterThan(10_000_000);
    expect(stream.readableLength).toBeLessThan(3_000_000);
    stream.resume();
    await until(() => client.socket.writableLength === 0);
    stream.destroy();
  });

  it('dies with its connection', async () => {
    const { stream } = await connection.openStream(download, range);
    client.socket.destroy();
    await expect(buffer(stream)).rejects.toBeInstanceOf(ConnectionLostError);
  });

  it('reads holes of a sparse stream', async () => {
    confirmFinish('storageVolDownload');
    const { stream } = await connection.openStream(download, { ...range, flags: 1 }, { sparse: true });
    const hole = new XdrWriter();
    hole.i64(1_048_576n);
    hole.u32(0);
    client.send(streamPacket('storageVolDownload', serial, Status.CONTINUE, Buffer.from('data')));
    client.send(streamPacket('storageVolDownload', serial, Status.CONTINUE, hole.finish(), MessageType.STREAM_HOLE));
    client.send(streamPacket('storageVolDownload', serial, Status.CONTINUE));
    const chunks: SparseChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk as SparseChunk);
    expect(chunks).toEqual([{ data: Buffer.from('data') }, { hole: 1_048_576 }]);
  });

  it('writes holes into a sparse stream', async () => {
    confirmFinish('storageVolUpload');
    const { stream } = await connection.openStream(upload, { ...range, flags: 1 }, { sparse: true });
    const chunks: SparseChunk[] = [{ data: Buffer.from('data') }, { hole: 65_536 }];
    await pipeline(chunks, stream);
    expect(packets.map(({ type }) => type)).toEqual([MessageType.STREAM, MessageType.STREAM_HOLE, MessageType.STREAM]);
    const hole = new XdrReader(packets[1]!.payload);
    expect([hole.i64(), hole.u32(), hole.remaining]).toEqual([65_536n, 0, 0]);
  });

  it('carries a console both ways and ends when the domain stops', async () => {
    confirmFinish('domainOpenConsole');
    const { stream } = await connection.openStream(console, consoleArgs);
    stream.write('ls\n');
    await until(() => packets.length > 0);
    expect(packets[0]!.payload.toString()).toBe('ls\n');
    client.send(streamPacket('domainOpenConsole', serial, Status.CONTINUE, Buffer.from('boot')));
    client.send(streamPacket('domainOpenConsole', serial, Status.CONTINUE));
    expect((await buffer(stream)).toString()).toBe('boot');
    expect(packets.at(-1)).toMatchObject({ status: Status.OK });
  });

  it('closes a console from this side', async () => {
    confirmFinish('domainOpenConsole');
    const { stream } = await connection.openStream(console, consoleArgs);
    stream.resume().end('exit\n');
    await once(stream, 'close');
    expect(packets.map(({ status }) => status)).toEqual([Status.CONTINUE, Status.OK]);
  });
});
