import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { PacketSplitter } from '../connection/packet-splitter.ts';
import { eventKinds, type EventEntry, type EventKind, type EventName, type EventOf } from '../protocol/events.ts';
import {
  encodeHeader,
  encodePacket,
  KeepaliveProcedure,
  MessageType,
  Program,
  Status,
  type Packet,
} from '../protocol/packet.ts';
import { entryOf, procedures, type Procedures } from '../protocol/procedures.ts';
import type { ArgsOf, ResultOf } from '../protocol/procedure.ts';
import { readFields, writeFields, type EncodableFields } from '../protocol/schema.ts';
import { structs } from '../protocol/structs.ts';
import { XdrReader } from '../xdr/reader.ts';

/** An error that a handler answers with. */
export class Refusal extends Error {
  readonly code: number;
  readonly str2: string | null;

  constructor(code: number, message: string, str2: string | null = null) {
    super(message);
    this.code = code;
    this.str2 = str2;
  }
}

type Reply<N extends keyof Procedures> =
  ResultOf<Procedures[N]> extends void ? void : EncodableFields<Procedures[N]['ret']>;
type Handler<N extends keyof Procedures> = (
  args: ArgsOf<Procedures[N]>,
  call: FakeCall,
) => Reply<N> | Promise<Reply<N>>;

/** One call that the daemon is working on. */
export interface FakeCall {
  client: FakeClient;
  serial: number;
}

const nameOfNumber = new Map(
  Object.keys(procedures).map((name) => {
    const entry = entryOf(name as keyof Procedures);
    return [`${entry.program} ${entry.procedure.number}`, name as keyof Procedures] as const;
  }),
);

/** Like libvirtd's max_client_requests. */
const MAX_REQUESTS = 5;

/**
 * Speaks the daemon's side of the wire in this process. It refuses what a real daemon refuses: calls before the
 * authentication list, calls before open, a null name; and at five calls in work it stops reading.
 */
export class FakeDaemon {
  readonly clients: FakeClient[] = [];
  /** Names of the calls in the order in which they were read, over all clients. */
  readonly calls: string[] = [];
  /** Raw stream packets in the order in which they were read. */
  onStream: (packet: Packet, client: FakeClient) => void = () => {};
  answersPing = true;
  private readonly handlers = new Map<keyof Procedures, Handler<never>>();
  private readonly server = net.createServer((socket) => this.serve(socket));
  private directory: string | undefined;
  private nextCallbackId = 0;

  constructor() {
    this.on('authList', () => ({ types: [0] }));
    this.on('connectOpen', ({ name }) => {
      if (name === null || name === undefined) throw new Refusal(1, 'connection not open');
    });
    this.on('connectClose', () => undefined);
    this.on('connectSupportsFeature', () => ({ supported: true }));
    this.on('connectRegisterCloseCallback', () => undefined);
    this.on('connectListAllDomains', () => ({ domains: [], ret: 0 }));
    const register = () => ({ callbackID: this.nextCallbackId++ });
    this.on('connectDomainEventCallbackRegisterAny', register);
    this.on('connectDomainEventCallbackDeregisterAny', () => undefined);
  }

  on<N extends keyof Procedures>(name: N, handler: Handler<N>): this {
    this.handlers.set(name, handler as Handler<never>);
    return this;
  }

  handler(name: keyof Procedures): Handler<never> | undefined {
    return this.handlers.get(name);
  }

  /** Serves one stream, as if a client had connected. */
  serve(socket: Duplex): FakeClient {
    const client = new FakeClient(this, socket);
    this.clients.push(client);
    return client;
  }

  /** Listens on a socket of its own and answers its path. */
  async listen(): Promise<string> {
    this.directory ??= await mkdtemp(join(tmpdir(), 'fake-libvirt-'));
    const path = join(this.directory, 'libvirt-sock');
    await new Promise<void>((resolve) => this.server.listen(path, resolve));
    return path;
  }

  /** A fresh connection to it: the client's stream and the daemon's side. */
  async dial(): Promise<{ socket: net.Socket; client: FakeClient }> {
    const path = this.server.listening ? (this.server.address() as string) : await this.listen();
    const accepted = once(this.server, 'connection');
    const socket = net.connect(path);
    await accepted;
    return { socket, client: this.clients.at(-1)! };
  }

  /** As a daemon that is stopped: the socket is gone and all clients are cut off. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const client of this.clients.splice(0)) client.socket.destroy();
    if (this.server.listening) await closed;
  }

  async close(): Promise<void> {
    await this.stop();
    if (this.directory !== undefined) await rm(this.directory, { recursive: true, force: true });
  }
}

/** The daemon's side of one connection. */
export class FakeClient {
  readonly daemon: FakeDaemon;
  readonly socket: Duplex;
  /** Packets as they came, keepalive included. */
  readonly received: Packet[] = [];
  authenticated = false;
  opened = false;
  private working = 0;
  private readonly unread: Packet[] = [];

  constructor(daemon: FakeDaemon, socket: Duplex) {
    this.daemon = daemon;
    this.socket = socket;
    const splitter = new PacketSplitter((packet) => {
      this.unread.push(packet);
      this.read();
    });
    socket.on('data', (chunk: Buffer) => splitter.push(chunk));
    // A client that goes away is part of the tests.
    socket.on('error', () => {});
  }

  send(bytes: Buffer): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  event<K extends EventKind, N extends EventName<K>>(
    kind: K,
    name: N,
    callbackID: number,
    payload: EventOf<K, N>,
  ): void {
    this.send(eventPacket(kind, name, callbackID, payload));
  }

  private read(): void {
    while (this.unread.length > 0 && this.working < MAX_REQUESTS) {
      const packet = this.unread.shift()!;
      this.received.push(packet);
      if (packet.program === Program.KEEPALIVE) this.keepalive(packet);
      else if (packet.type === MessageType.CALL) void this.work(packet);
      else this.daemon.onStream(packet, this);
    }
  }

  private keepalive(packet: Packet): void {
    if (packet.procedure !== KeepaliveProcedure.PING || !this.daemon.answersPing) return;
    this.send(encodeHeader({ ...packet, procedure: KeepaliveProcedure.PONG }, 0));
  }

  private async work(packet: Packet): Promise<void> {
    this.working++;
    const name = nameOfNumber.get(`${packet.program} ${packet.procedure}`);
    const header = { ...packet, type: MessageType.REPLY };
    try {
      const reply = await this.handle(name, packet);
      const ret = name === undefined ? {} : procedures[name].ret;
      this.send(encodePacket({ ...header, status: Status.OK }, (w) => writeFields(w, ret, (reply ?? {}) as never)));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.send(errorPacket(header, error));
    } finally {
      this.working--;
      this.read();
    }
  }

  private async handle(name: keyof Procedures | undefined, packet: Packet): Promise<unknown> {
    const handler = name === undefined ? undefined : this.daemon.handler(name);
    if (name === undefined || handler === undefined) throw new Refusal(39, `unknown procedure: ${packet.procedure}`);
    this.daemon.calls.push(name);
    const free = ['authList', 'authSaslInit', 'authSaslStart', 'authSaslStep', 'authPolkit'].includes(name);
    if (name === 'authList') this.authenticated = true;
    if (!free && !this.authenticated) throw new Refusal(39, 'authentication required');
    if (!free && !this.opened && !['connectOpen', 'connectSupportsFeature'].includes(name)) {
      throw new Refusal(1, 'hypervisor connection not open');
    }
    const args = readFields(new XdrReader(packet.payload), procedures[name].args);
    const reply = await handler(args as never, { client: this, serial: packet.serial });
    if (name === 'connectOpen') this.opened = true;
    return reply;
  }
}

/** As the daemon sends it: with serial 1, whatever the documentation says. */
export function eventPacket<K extends EventKind, N extends EventName<K>>(
  kind: K,
  name: N,
  callbackID: number,
  payload: EventOf<K, N>,
): Buffer {
  const entry = eventKinds[kind][name] as EventEntry;
  const program = kind === 'monitor' ? Program.QEMU : Program.REMOTE;
  return encodePacket(
    { program, procedure: entry.procedure, type: MessageType.MESSAGE, serial: 1, status: Status.OK },
    (writer) => {
      writer.i32(callbackID);
      writeFields(writer, entry.fields, payload as never);
    },
  );
}

/** A packet of a stream; without payload it means the end of the data. */
export function streamPacket(
  name: keyof Procedures,
  serial: number,
  status: number,
  payload: Buffer = Buffer.alloc(0),
  type: number = MessageType.STREAM,
): Buffer {
  const { program, procedure } = entryOf(name);
  return Buffer.concat([
    encodeHeader({ program, procedure: procedure.number, type, serial, status }, payload.length),
    payload,
  ]);
}

export function replyPacket<N extends keyof Procedures>(name: N, serial: number, reply: Reply<N>): Buffer {
  const { program, procedure } = entryOf(name);
  return encodePacket(
    { program, procedure: procedure.number, type: MessageType.REPLY, serial, status: Status.OK },
    (writer) => writeFields(writer, procedure.ret, (reply ?? {}) as never),
  );
}

export function errorPacket(
  header: { program: number; procedure: number; serial: number; type: number },
  refusal: Refusal,
): Buffer {
  return encodePacket({ ...header, status: Status.ERROR }, (writer) =>
    writeFields(writer, structs.errorRecord, {
      code: refusal.code,
      domain: 10,
      message: refusal.message,
      level: 2,
      str1: '%s',
      str2: refusal.str2,
      int1: -1,
      int2: -1,
    }),
  );
}
