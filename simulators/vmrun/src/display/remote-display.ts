import { randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import type { Dictionary } from '../dictionary/dictionary.ts';
import type { VmLog } from '../machine/vm-log.ts';
import { ByteReader } from './byte-reader.ts';
import {
  HEIGHT,
  readPixelFormat,
  renderFrame,
  SERVER_FORMAT,
  WIDTH,
  writePixelFormat,
  type PixelFormat,
} from './frame.ts';
import { isRightResponse } from './vnc-password.ts';

const VERSION = 'RFB 003.008\n';
const NO_AUTHENTICATION = 1;
const VNC_AUTHENTICATION = 2;
const RAW = 0;
/** How long an incremental request is left open before the moving bar is sent again. */
const REFRESH_MS = 250;

/** The VM's screen over VNC (RFB 3.8), as `RemoteDisplay.vnc.*` switches it on. */
export class RemoteDisplay {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private readonly port: number;
  private readonly address: string;
  private readonly password: string;
  private readonly title: string;
  private readonly log: VmLog;

  constructor(configuration: Dictionary, log: VmLog) {
    this.port = Number(configuration.get('RemoteDisplay.vnc.port') ?? 5900);
    this.address = configuration.get('RemoteDisplay.vnc.ip') ?? '0.0.0.0';
    this.password = configuration.get('RemoteDisplay.vnc.password') ?? '';
    this.title = configuration.get('displayName') ?? '';
    this.log = log;
    this.server = createServer((socket) => this.accept(socket));
  }

  /** Resolves when listening. A port that is taken leaves the VM running without a screen, as the product does. */
  listen(): Promise<void> {
    return new Promise((resolve) => {
      this.server.once('error', (cause) => {
        log(this.log, `cannot listen on port ${this.port}: ${cause.message}`);
        resolve();
      });
      this.server.listen(this.port, this.address, () => {
        log(this.log, `listening on ${this.address}:${this.port}`);
        resolve();
      });
    });
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private accept(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    this.converse(socket).catch((cause: unknown) => {
      log(this.log, `connection ended: ${cause instanceof Error ? cause.message : String(cause)}`);
      socket.destroy();
    });
  }

  private async converse(socket: Socket): Promise<void> {
    const reader = new ByteReader(socket);
    socket.write(VERSION);
    await reader.take(VERSION.length);
    const method = this.password === '' ? NO_AUTHENTICATION : VNC_AUTHENTICATION;
    socket.write(Buffer.from([1, method]));
    await reader.take(1);
    if (!(await this.isWelcome(socket, reader))) {
      socket.end(failure('Authentication failed'));
      return;
    }
    socket.write(Buffer.alloc(4));
    await reader.take(1);
    socket.write(greeting(this.title));
    await this.serve(socket, reader);
  }

  private async isWelcome(socket: Socket, reader: ByteReader): Promise<boolean> {
    if (this.password === '') return true;
    const challenge = randomBytes(16);
    socket.write(challenge);
    return isRightResponse(this.password, challenge, await reader.take(16));
  }

  private async serve(socket: Socket, reader: ByteReader): Promise<void> {
    let format: PixelFormat = SERVER_FORMAT;
    while (true) {
      const kind = (await reader.take(1)).readUInt8();
      if (kind === 0) format = readPixelFormat((await reader.take(19)).subarray(3));
      else if (kind === 2) await reader.take((await reader.take(3)).readUInt16BE(1) * 4);
      else if (kind === 3) await this.update(socket, format, (await reader.take(9)).readUInt8() === 1);
      else if (kind === 4) await reader.take(7);
      else if (kind === 5) await reader.take(5);
      else if (kind === 6) await reader.take((await reader.take(7)).readUInt32BE(3));
      else throw new Error(`unknown message ${kind}`);
    }
  }

  private async update(socket: Socket, format: PixelFormat, isIncremental: boolean): Promise<void> {
    if (isIncremental) await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
    const header = Buffer.alloc(16);
    header.writeUInt16BE(1, 2);
    header.writeUInt16BE(WIDTH, 8);
    header.writeUInt16BE(HEIGHT, 10);
    header.writeInt32BE(RAW, 12);
    socket.write(Buffer.concat([header, renderFrame(format, Date.now())]));
  }
}

function greeting(title: string): Buffer {
  const name = Buffer.from(title, 'utf8');
  const size = Buffer.alloc(4);
  size.writeUInt16BE(WIDTH, 0);
  size.writeUInt16BE(HEIGHT, 2);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(name.length);
  return Buffer.concat([size, writePixelFormat(SERVER_FORMAT), length, name]);
}

function failure(reason: string): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(1, 0);
  header.writeUInt32BE(reason.length, 4);
  return Buffer.concat([header, Buffer.from(reason)]);
}

const log = (file: VmLog, message: string) => file.write(`VNC: ${message}`);
