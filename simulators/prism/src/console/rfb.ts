const WIDTH = 320;
const HEIGHT = 200;
const VERSION = 'RFB 003.008\n';
const SECURITY_NONE = 1;

interface PixelFormat {
  readonly bitsPerPixel: number;
  readonly bigEndian: boolean;
  readonly max: readonly [red: number, green: number, blue: number];
  readonly shift: readonly [red: number, green: number, blue: number];
}

const DEFAULT_FORMAT: PixelFormat = { bitsPerPixel: 32, bigEndian: false, max: [255, 255, 255], shift: [16, 8, 0] };

type Phase = 'version' | 'security' | 'clientInit' | 'ready';

/**
 * The server side of RFB 3.8 (RFC 6143) without password: handshake, one raw picture for each full update, and silence for the rest.
 * Incremental updates stay open, as nothing on the screen ever changes.
 */
export class RfbSession {
  private phase: Phase = 'version';
  private pending = Buffer.alloc(0);
  private format = DEFAULT_FORMAT;
  private pictureSent = false;

  constructor(
    private readonly name: string,
    private readonly send: (bytes: Buffer) => void,
    private readonly close: () => void,
  ) {}

  start(): void {
    this.send(Buffer.from(VERSION));
  }

  receive(bytes: Buffer): void {
    this.pending = Buffer.concat([this.pending, bytes]);
    for (let used = this.step(); used > 0; used = this.step()) this.pending = this.pending.subarray(used);
  }

  /** Handles what is there. @returns the bytes used; 0 when more must come first. */
  private step(): number {
    switch (this.phase) {
      case 'version':
        if (this.pending.length < 12) return 0;
        this.send(Buffer.from([1, SECURITY_NONE]));
        this.phase = 'security';
        return 12;
      case 'security':
        if (this.pending.length < 1) return 0;
        if (this.pending[0] !== SECURITY_NONE) {
          this.close();
          return 0;
        }
        this.send(Buffer.alloc(4));
        this.phase = 'clientInit';
        return 1;
      case 'clientInit':
        if (this.pending.length < 1) return 0;
        this.send(this.serverInit());
        this.phase = 'ready';
        return 1;
      case 'ready':
        return this.message();
    }
  }

  private serverInit(): Buffer {
    const name = Buffer.from(this.name);
    const init = Buffer.alloc(24);
    init.writeUInt16BE(WIDTH, 0);
    init.writeUInt16BE(HEIGHT, 2);
    init.set([32, 24, 0, 1], 4);
    init.writeUInt16BE(255, 8);
    init.writeUInt16BE(255, 10);
    init.writeUInt16BE(255, 12);
    init.set([16, 8, 0], 14);
    init.writeUInt32BE(name.length, 20);
    return Buffer.concat([init, name]);
  }

  private message(): number {
    const { pending } = this;
    if (pending.length < 1) return 0;
    switch (pending[0]) {
      case 0: // SetPixelFormat
        if (pending.length < 20) return 0;
        this.format = {
          bitsPerPixel: pending[4]!,
          bigEndian: pending[6] !== 0,
          max: [pending.readUInt16BE(8), pending.readUInt16BE(10), pending.readUInt16BE(12)],
          shift: [pending[14]!, pending[15]!, pending[16]!],
        };
        return 20;
      case 2: {
        // SetEncodings; raw is always understood, so the list does not matter
        if (pending.length < 4) return 0;
        const length = 4 + 4 * pending.readUInt16BE(2);
        return pending.length < length ? 0 : length;
      }
      case 3: // FramebufferUpdateRequest
        if (pending.length < 10) return 0;
        if (pending[1] === 0 || !this.pictureSent) this.send(this.picture());
        this.pictureSent = true;
        return 10;
      case 4: // KeyEvent
        return pending.length < 8 ? 0 : 8;
      case 5: // PointerEvent
        return pending.length < 6 ? 0 : 6;
      case 6: {
        // ClientCutText
        if (pending.length < 8) return 0;
        const length = 8 + pending.readUInt32BE(4);
        return pending.length < length ? 0 : length;
      }
      default:
        this.close();
        return 0;
    }
  }

  /** One raw rectangle: a dark screen with a bright line, as a text console at its prompt. */
  private picture(): Buffer {
    const bytesPerPixel = this.format.bitsPerPixel / 8;
    const header = Buffer.alloc(16);
    header.writeUInt16BE(1, 2);
    header.writeUInt16BE(WIDTH, 8);
    header.writeUInt16BE(HEIGHT, 10);
    const body = Buffer.alloc(WIDTH * HEIGHT * bytesPerPixel);
    const dark = this.pixel(0.05, 0.06, 0.08);
    const bright = this.pixel(0.8, 0.85, 0.8);
    for (let y = 0; y < HEIGHT; y++)
      for (let x = 0; x < WIDTH; x++) {
        const cursor = y >= 16 && y < 30 && x >= 16 && x < 24;
        this.writePixel(body, (y * WIDTH + x) * bytesPerPixel, cursor ? bright : dark);
      }
    return Buffer.concat([header, body]);
  }

  private pixel(red: number, green: number, blue: number): number {
    const { max, shift } = this.format;
    return [red, green, blue].reduce((value, part, i) => value + Math.round(part * max[i]!) * 2 ** shift[i]!, 0);
  }

  private writePixel(buffer: Buffer, at: number, value: number): void {
    const bytes = this.format.bitsPerPixel / 8;
    if (this.format.bigEndian) buffer.writeUIntBE(value % 2 ** (8 * bytes), at, bytes);
    else buffer.writeUIntLE(value % 2 ** (8 * bytes), at, bytes);
  }
}
