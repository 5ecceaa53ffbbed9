import {
  aliveEveryMs,
  decodeFrame,
  encodeFrame,
  initialCreditBytes,
  listenToBytes,
  longestDataBytes,
  sendBytes,
  silentAfterMs,
  type Bus,
  type ConsoleFrame,
  type Listener,
} from '@polyvirt/bus';
import { subjects, type HostId } from '@polyvirt/contracts';
import type { RawData, WebSocket } from 'ws';

/** https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1 */
export const closeCodes = { normal: 1000, policy: 1008, failure: 1011 } as const;
/** A viewer that has not connected by then does not come. */
const attachWithinMs = 10_000;
/** What a close frame has room for, in bytes. */
const longestReason = 123;

/** Joins a viewer's WebSocket to a console session on the bus, as fast as the slower of the two. */
export class ConsoleRelay {
  private readonly listener: Listener;
  private readonly beat: NodeJS.Timeout;
  private readonly patience: NodeJS.Timeout;
  private readonly early: Uint8Array[] = [];
  private readonly unsent: Uint8Array[] = [];
  private socket: WebSocket | undefined;
  private ending: { readonly reason: string; readonly code: number } | undefined;
  /** Bytes that the VM will still take. */
  private credit = initialCreditBytes;
  private heardAtMs = performance.now();

  /** Listens from now on, so that nothing is missed once the agent is asked to open the session. */
  constructor(
    private readonly bus: Bus,
    private readonly host: HostId,
    private readonly session: string,
    private readonly over: () => void,
  ) {
    this.listener = listenToBytes(bus, subjects.consoleDown(host, session), (message) => this.hear(message));
    this.beat = setInterval(() => this.beAlive(), aliveEveryMs).unref();
    this.patience = setTimeout(() => this.end('Nobody came to look.'), attachWithinMs).unref();
  }

  attach(socket: WebSocket): void {
    this.socket = socket;
    clearTimeout(this.patience);
    socket.on('message', (data, isBinary) => {
      if (isBinary || !isSize(data)) this.take(data);
    });
    socket.on('close', () => this.end('The viewer has left.'));
    socket.on('error', () => this.end('The connection of the viewer broke off.'));
    if (this.ending) close(socket, this.ending);
    else for (const bytes of this.early.splice(0)) this.show(bytes);
  }

  /** Ends the session on both sides, with a sentence that says why. */
  end(reason: string, code: number = closeCodes.normal): void {
    if (this.ending) return;
    this.ending = { reason, code };
    this.send({ kind: 'end', reason });
    clearInterval(this.beat);
    clearTimeout(this.patience);
    this.listener.close();
    if (this.socket) close(this.socket, this.ending);
    this.over();
  }

  private hear(message: Uint8Array): void {
    this.heardAtMs = performance.now();
    const frame = decodeFrame(message);
    switch (frame?.kind) {
      case 'data':
        if (this.socket) this.show(frame.bytes);
        else this.early.push(frame.bytes);
        return;
      case 'credit':
        this.credit += frame.count;
        this.sendUnsent();
        return;
      case 'end':
        this.end(frame.reason, closeCodes.failure);
        return;
      case 'alive':
        return;
      default:
        this.end('The agent sent something that is no frame.', closeCodes.failure);
    }
  }

  /** To the viewer; the VM may send more when the socket has taken this. */
  private show(bytes: Uint8Array): void {
    this.socket?.send(bytes, (error) => {
      if (!error && !this.ending) this.send({ kind: 'credit', count: bytes.length });
    });
  }

  /** To the VM; without credit the viewer has to wait. */
  private take(data: RawData): void {
    const bytes = asBuffer(data);
    for (let from = 0; from < bytes.length; from += longestDataBytes)
      this.unsent.push(bytes.subarray(from, from + longestDataBytes));
    this.sendUnsent();
  }

  private sendUnsent(): void {
    for (let next = this.unsent[0]; next && this.credit >= next.length; next = this.unsent[0]) {
      this.unsent.shift();
      this.credit -= next.length;
      this.send({ kind: 'data', bytes: next });
    }
    if (this.unsent.length > 0) this.socket?.pause();
    else if (this.socket?.isPaused) this.socket.resume();
  }

  private beAlive(): void {
    if (performance.now() - this.heardAtMs > silentAfterMs)
      this.end('The agent has been silent for too long.', closeCodes.failure);
    else this.send({ kind: 'alive' });
  }

  private send(frame: ConsoleFrame): void {
    sendBytes(this.bus, subjects.consoleUp(this.host, this.session), encodeFrame(frame));
  }
}

/**
 * Whether a text frame says the size of a terminal, and is nothing that was typed: `{"columns":80,"rows":24}`. A serial line has
 * none that a guest could be told.
 */
function isSize(data: RawData): boolean {
  const text = asBuffer(data).toString();
  return /^\s*\{\s*"columns"\s*:\s*\d+\s*,\s*"rows"\s*:\s*\d+\s*\}\s*$/.test(text);
}

const asBuffer = (data: RawData): Buffer =>
  Buffer.isBuffer(data) ? data : Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);

const close = (socket: WebSocket, { code, reason }: { code: number; reason: string }): void =>
  socket.close(
    code,
    Buffer.from(reason)
      .subarray(0, longestReason)
      .toString()
      .replace(/\ufffd$/, ''),
  );
