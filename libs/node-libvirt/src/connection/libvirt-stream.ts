import { Duplex, type DuplexOptions } from 'node:stream';
import { XdrReader } from '../xdr/reader.ts';
import { XdrWriter } from '../xdr/writer.ts';
import { LibvirtError, ProtocolError } from '../protocol/errors.ts';
import { MessageType, Status, type Packet } from '../protocol/packet.ts';
import type { StreamDirection } from '../protocol/procedure.ts';
import { readFields } from '../protocol/schema.ts';
import { structs } from '../protocol/structs.ts';

/** A piece of a sparse stream: bytes, or a run of zeros that is not transferred. */
export type SparseChunk = { data: Buffer } | { hole: number };

/** What a stream needs from its connection. */
export interface StreamPort {
  send(
    type: number,
    status: number,
    payload?: Uint8Array,
    callback?: ((error?: Error | null) => void) | undefined,
  ): void;
  pause(): void;
  resume(): void;
  /** Nothing more will come for this stream. */
  release(): void;
}

/** Larger packets bring no more throughput, and smaller ones let events through sooner. */
const MAX_DATA_BYTES = 262_144;
const HIGH_WATER_MARK = 1_048_576;

/**
 * The data of a volume transfer, console or screenshot as a Node stream. `end` resolves (`finish`) only when the
 * daemon has confirmed that everything was written; a readable ends only after the daemon said it was whole. Destroying
 * it aborts the transfer. A sparse stream carries {@link SparseChunk} objects in place of bytes.
 */
export class LibvirtStream extends Duplex {
  readonly procedure: string;
  private readonly sparse: boolean;
  private readonly direction: StreamDirection;
  private port: StreamPort | undefined;
  private state: 'open' | 'finishing' | 'aborting' | 'done' = 'open';
  private finished: ((error?: Error | null) => void) | undefined;
  private failure: Error | undefined;

  constructor(procedure: string, direction: StreamDirection, sparse: boolean) {
    super(duplexOptions(direction, sparse));
    this.direction = direction;
    this.procedure = procedure;
    this.sparse = sparse;
  }

  /** Called by the connection when the opening call leaves. */
  attach(port: StreamPort): void {
    this.port = port;
  }

  /** Called by the connection for each packet of this stream. */
  receive(packet: Packet): void {
    if (packet.type === MessageType.STREAM && packet.status === Status.ERROR) {
      const record = readFields(new XdrReader(packet.payload), structs.errorRecord);
      return this.fail(new LibvirtError(record, this.procedure));
    }
    if (packet.type === MessageType.STREAM && packet.status === Status.OK) return this.confirmed();
    if (this.state === 'aborting') return;
    if (packet.type === MessageType.STREAM_HOLE) return this.receiveHole(packet);
    if (packet.payload.length === 0) return this.sendFinish();
    this.pass(this.sparse ? { data: packet.payload } : packet.payload);
  }

  /** The daemon or the connection ended the stream with an error. */
  fail(error: Error): void {
    this.done();
    this.failure = error;
    // Later than the promise that hands the stream to its caller, who could not listen for the error before.
    setImmediate(() => this.destroy(error));
  }

  override _read(): void {
    this.port?.resume();
  }

  override _write(
    chunk: Buffer | SparseChunk,
    _encoding: BufferEncoding,
    callback: (error?: Error | null) => void,
  ): void {
    if (this.state !== 'open')
      return callback(this.failure ?? new Error(`${this.procedure}: the daemon ended the stream`));
    if (Buffer.isBuffer(chunk)) return this.sendData(chunk, callback);
    if ('data' in chunk) return this.sendData(chunk.data, callback);
    const writer = new XdrWriter();
    writer.i64(BigInt(chunk.hole));
    writer.u32(0);
    this.port!.send(MessageType.STREAM_HOLE, Status.CONTINUE, writer.finish(), callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (this.state === 'done') return callback(this.failure);
    this.finished = callback;
    this.sendFinish();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.abort();
    this.port?.resume();
    callback(error);
  }

  private sendData(data: Buffer, callback: (error?: Error | null) => void): void {
    // An empty packet would mean the end of the data.
    if (data.length === 0) return callback();
    let offset = 0;
    while (data.length - offset > MAX_DATA_BYTES) {
      this.port!.send(MessageType.STREAM, Status.CONTINUE, data.subarray(offset, offset + MAX_DATA_BYTES));
      offset += MAX_DATA_BYTES;
    }
    this.port!.send(MessageType.STREAM, Status.CONTINUE, data.subarray(offset), callback);
  }

  private receiveHole(packet: Packet): void {
    if (!this.sparse) throw new ProtocolError(`${this.procedure}: a hole in a stream that is not sparse`);
    this.pass({ hole: Number(new XdrReader(packet.payload).i64()) });
  }

  private pass(chunk: Buffer | SparseChunk): void {
    if (!this.push(chunk)) this.port?.pause();
  }

  private sendFinish(): void {
    if (this.state !== 'open') return;
    this.state = 'finishing';
    this.port!.send(MessageType.STREAM, Status.OK);
  }

  private abort(): void {
    if (this.state === 'done' || this.state === 'aborting' || this.port === undefined) return;
    this.state = 'aborting';
    this.port.send(MessageType.STREAM, Status.ERROR);
  }

  private confirmed(): void {
    this.done();
    if (this.destroyed) return;
    if (this.direction !== 'upload') this.push(null);
    this.finished?.();
  }

  private done(): void {
    this.state = 'done';
    this.port?.release();
  }
}

function duplexOptions(direction: StreamDirection, sparse: boolean): DuplexOptions {
  const sides = { readable: direction !== 'upload', writable: direction !== 'download', allowHalfOpen: false };
  return sparse ? { ...sides, objectMode: true } : { ...sides, highWaterMark: HIGH_WATER_MARK };
}
