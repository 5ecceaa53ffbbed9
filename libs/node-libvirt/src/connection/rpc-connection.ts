import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { XdrReader } from '../xdr/reader.ts';
import { CallTimeoutError, ConnectionLostError, LibvirtError, ProtocolError } from '../protocol/errors.ts';
import {
  encodeHeader,
  encodePacket,
  KeepaliveProcedure,
  MessageType,
  Program,
  Status,
  type Packet,
} from '../protocol/packet.ts';
import type { ArgsOf, Pace, Procedure, ResultOf, StreamProcedure } from '../protocol/procedure.ts';
import type { ProcedureEntry } from '../protocol/procedures.ts';
import { readFields, writeFields } from '../protocol/schema.ts';
import { structs } from '../protocol/structs.ts';
import { CallQueue, type CallPriority } from './call-queue.ts';
import { Keepalive, type KeepaliveOptions } from './keepalive.ts';
import { LibvirtStream } from './libvirt-stream.ts';
import { PacketSplitter } from './packet-splitter.ts';

export interface CallOptions {
  /** Time for queueing and reply together; 0 waits for ever. The default follows the procedure's {@link Pace}. */
  timeoutMs?: number;
  /** Rejects the call with the signal's reason. libvirt cannot cancel: a call that was sent goes on in the daemon. */
  signal?: AbortSignal;
  /** Order among the calls that wait for a slot; `normal` by default. */
  priority?: CallPriority;
}

export interface ConnectionOptions {
  /** Calls in flight at once, 4 by default; the daemon stops reading at 5. */
  maxInFlight?: number;
  keepalive?: KeepaliveOptions | false;
}

export interface ConnectionEvents {
  /** An event of the programs REMOTE or QEMU. */
  message: [packet: Packet];
  /** The connection is gone; undefined when this side closed it. */
  close: [reason: Error | undefined];
}

interface CallHooks<T> {
  /** Reads the reply in place of the schema. */
  decode?: ((reader: XdrReader) => T) | undefined;
  /** Runs while the reply is handled, before anything that arrived behind it. */
  onReply?: ((result: T) => void) | undefined;
  /** Runs when the packet leaves, with its serial. */
  onSend?: ((serial: number) => void) | undefined;
}

interface PendingCall {
  name: string;
  sent: boolean;
  /** Takes the reply; after a timeout or abort it is ignored, but keeps its serial and slot reserved until then. */
  settle: (packet: Packet) => void;
  fail: (error: Error) => void;
}

/** Longer than the 30 s after which the daemon itself gives up waiting for a domain's job, so that its answer wins. */
const SLOW_TIMEOUT_MS = 40_000;

/**
 * Longer than the 15 s for which the daemon holds the lock of a domain whose QEMU does not end: ten after SIGTERM, five after SIGKILL
 * (`virProcessKillPainfully`). A list of all domains waits for that lock too.
 */
const QUICK_TIMEOUT_MS = 20_000;

export const DEFAULT_TIMEOUTS_MS: Readonly<Record<Pace, number>> = {
  quick: QUICK_TIMEOUT_MS,
  slow: SLOW_TIMEOUT_MS,
  long: 120_000,
  unbounded: 0,
};

const DEFAULT_MAX_IN_FLIGHT = 4;
const MAX_SERIAL = 0xffff_ffff;

/** One connection to a daemon: calls, streams and events over any byte stream. It does not reconnect. */
export class RpcConnection extends EventEmitter<ConnectionEvents> {
  private readonly socket: Duplex;
  private readonly queue: CallQueue;
  private readonly keepalive: Keepalive | undefined;
  private readonly calls = new Map<number, PendingCall>();
  private readonly waiting = new Set<PendingCall>();
  private readonly streams = new Map<number, LibvirtStream>();
  private lastSerial = 0;
  private ended: { reason: Error | undefined } | undefined;

  constructor(socket: Duplex, options: ConnectionOptions = {}) {
    super();
    this.socket = socket;
    this.queue = new CallQueue(options.maxInFlight ?? DEFAULT_MAX_IN_FLIGHT);
    const splitter = new PacketSplitter((packet) => this.receive(packet));
    socket.on('data', (chunk: Buffer) => {
      this.keepalive?.received();
      try {
        splitter.push(chunk);
      } catch (error) {
        this.destroy(error instanceof Error ? error : new ProtocolError(String(error)));
      }
    });
    socket.on('error', (error) => this.destroy(error));
    socket.on('end', () => this.destroy(new Error('the daemon closed the connection')));
    socket.on('close', () => this.destroy(new Error('the connection was closed')));
    if (options.keepalive) {
      this.keepalive = new Keepalive(
        options.keepalive,
        () => this.sendKeepalive(KeepaliveProcedure.PING),
        () => this.destroy(new Error('the daemon did not answer keepalive')),
      );
    }
  }

  get closed(): boolean {
    return this.ended !== undefined;
  }

  /** Calls that were sent and have no reply yet, those that timed out included. */
  get inFlight(): number {
    return this.queue.inFlight;
  }

  /** Calls that wait for a slot. */
  get queued(): number {
    return this.queue.queued;
  }

  /**
   * @throws {LibvirtError} the daemon's answer
   * @throws {CallTimeoutError} no answer in time
   * @throws {ConnectionLostError} the connection ended first
   */
  call<P extends Procedure, T = ResultOf<P>>(
    entry: ProcedureEntry<P>,
    args: ArgsOf<P>,
    options: CallOptions & CallHooks<T> = {},
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.ended) throw this.lost(entry.name, false);
      options.signal?.throwIfAborted();
      const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUTS_MS[entry.procedure.pace];
      let open = true;
      let timer: NodeJS.Timeout | undefined;
      let leaveQueue = (): void => {};

      const finish = (): void => {
        open = false;
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', onAbort);
        this.waiting.delete(call);
      };
      const give = (error: unknown): void => {
        if (!open) return;
        if (!call.sent) leaveQueue();
        finish();
        reject(error as Error);
      };
      const onAbort = (): void => give(options.signal?.reason);
      const call: PendingCall = {
        name: entry.name,
        sent: false,
        fail: give,
        settle: (packet) => {
          if (!open) return;
          finish();
          try {
            const result = this.result<P, T>(entry, packet, options.decode);
            options.onReply?.(result);
            resolve(result);
          } catch (error) {
            reject(error as Error);
          }
        },
      };

      const serial = (): number => {
        do this.lastSerial = this.lastSerial === MAX_SERIAL ? 1 : this.lastSerial + 1;
        while (this.calls.has(this.lastSerial) || this.streams.has(this.lastSerial));
        return this.lastSerial;
      };
      // Encoded before it takes a slot: arguments that do not fit their schema must not cost one.
      const packet = encodePacket(
        {
          program: entry.program,
          procedure: entry.procedure.number,
          type: MessageType.CALL,
          serial: 0,
          status: Status.OK,
        },
        (writer) => writeFields(writer, entry.procedure.args, args as never),
      );
      this.waiting.add(call);
      if (timeoutMs > 0) {
        timer = setTimeout(() => give(new CallTimeoutError(entry.name, timeoutMs, call.sent)), timeoutMs);
      }
      options.signal?.addEventListener('abort', onAbort, { once: true });
      leaveQueue = this.queue.enter(options.priority ?? 'normal', () => {
        const number = serial();
        packet.writeUInt32BE(number, SERIAL_OFFSET);
        this.waiting.delete(call);
        this.calls.set(number, call);
        call.sent = true;
        options.onSend?.(number);
        this.socket.write(packet);
      });
    });
  }

  /** Calls a procedure that opens a stream. The stream must be read or destroyed, or the connection stands still. */
  async openStream<P extends StreamProcedure>(
    entry: ProcedureEntry<P>,
    args: ArgsOf<P>,
    options: CallOptions & { sparse?: boolean } = {},
  ): Promise<{ stream: LibvirtStream; result: ResultOf<P> }> {
    const stream = new LibvirtStream(entry.name, entry.procedure.direction, options.sparse ?? false);
    let opened = 0;
    try {
      const result = await this.call(entry, args, {
        ...options,
        // The first data may share a chunk with the reply, so the stream has to be known when the call leaves.
        onSend: (serial) => {
          opened = serial;
          this.streams.set(serial, stream);
          stream.attach({
            send: (type, status, payload, callback) => this.sendStream(entry, serial, type, status, payload, callback),
            pause: () => this.socket.pause(),
            resume: () => this.socket.resume(),
            release: () => this.streams.delete(serial),
          });
        },
      });
      return { stream, result };
    } catch (error) {
      const answered = error instanceof LibvirtError || error instanceof ConnectionLostError;
      // The daemon may open it later, and nobody would read it.
      if (!answered && opened !== 0) this.destroy(new Error(`gave up opening ${entry.name}`));
      stream.destroy();
      throw error;
    }
  }

  /** Ends the connection at once. Calls in flight fail with {@link ConnectionLostError}. */
  destroy(reason?: Error): void {
    if (this.ended) return;
    this.ended = { reason };
    this.keepalive?.stop();
    this.socket.destroy();
    const calls = [...this.calls.values(), ...this.waiting];
    const streams = [...this.streams.entries()];
    this.calls.clear();
    this.waiting.clear();
    this.streams.clear();
    for (const call of calls) call.fail(this.lost(call.name, call.sent));
    for (const [, stream] of streams) stream.fail(this.lost(stream.procedure, true));
    this.emit('close', reason);
  }

  private lost(procedure: string, sent: boolean): ConnectionLostError {
    const cause = this.ended?.reason;
    const text = cause === undefined ? 'the connection was closed by this side' : cause.message;
    const outcome = sent ? 'its outcome is unknown' : 'it was not sent';
    return new ConnectionLostError(`${procedure}: ${text}; ${outcome}`, { sent, procedure, cause });
  }

  private receive(packet: Packet): void {
    if (this.ended) return;
    if (packet.program === Program.KEEPALIVE) {
      if (packet.procedure === KeepaliveProcedure.PING) this.sendKeepalive(KeepaliveProcedure.PONG);
      return;
    }
    // By type first: events carry serial 1 and would pass for the reply to the first call.
    switch (packet.type) {
      case MessageType.REPLY:
      case MessageType.REPLY_WITH_FDS:
        return this.receiveReply(packet);
      case MessageType.MESSAGE:
        this.emit('message', packet);
        return;
      case MessageType.STREAM:
      case MessageType.STREAM_HOLE:
        // Data of a stream that has just failed may still be on its way.
        this.streams.get(packet.serial)?.receive(packet);
        return;
      default:
        throw new ProtocolError(`the daemon sent a packet of type ${packet.type}`);
    }
  }

  private receiveReply(packet: Packet): void {
    const call = this.calls.get(packet.serial);
    if (call === undefined) throw new ProtocolError(`reply to serial ${packet.serial}, which is not in flight`);
    this.calls.delete(packet.serial);
    call.settle(packet);
    if (packet.status === Status.ERROR) this.streams.delete(packet.serial);
    this.queue.leave();
  }

  private result<P extends Procedure, T>(
    entry: ProcedureEntry<P>,
    packet: Packet,
    decode: ((reader: XdrReader) => T) | undefined,
  ): T {
    const reader = new XdrReader(packet.payload);
    if (packet.status === Status.ERROR) throw new LibvirtError(readFields(reader, structs.errorRecord), entry.name);
    return decode ? decode(reader) : (readFields(reader, entry.procedure.ret) as T);
  }

  private sendKeepalive(procedure: number): void {
    this.socket.write(
      encodeHeader(
        { program: Program.KEEPALIVE, procedure, type: MessageType.MESSAGE, serial: 0, status: Status.OK },
        0,
      ),
    );
  }

  private sendStream(
    entry: ProcedureEntry,
    serial: number,
    type: number,
    status: number,
    payload: Uint8Array | undefined,
    callback: ((error?: Error | null) => void) | undefined,
  ): void {
    const header = encodeHeader(
      { program: entry.program, procedure: entry.procedure.number, type, serial, status },
      payload?.length ?? 0,
    );
    if (payload === undefined) {
      this.socket.write(header, callback);
      return;
    }
    this.socket.cork();
    this.socket.write(header);
    this.socket.write(payload, callback);
    this.socket.uncork();
  }
}

/** Of the serial within a packet. */
const SERIAL_OFFSET = 20;
