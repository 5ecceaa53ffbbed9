import { Duplex } from 'node:stream';
import type { NativeId } from '@polyvirt/contracts';
import { allow } from '../allow.ts';
import type { Absences } from '../capabilities.ts';
import type { ConsoleFacet } from '../driver.ts';
import type { FakeCalls } from './fake-calls.ts';
import { FakeTerminal, type Answer } from './fake-terminal.ts';

const width = 320;
const height = 200;

/** A screen of one colour, over RFB 3.8 (RFC 6143) without authentication, and a terminal with a small shell. */
export class FakeConsole implements ConsoleFacet {
  readonly graphic?: ConsoleFacet['graphic'];
  readonly text?: ConsoleFacet['text'];
  readonly #terminals = new Map<NativeId, FakeTerminal>();

  constructor(
    private readonly calls: FakeCalls,
    without: Absences,
  ) {
    if (!without['console.graphic']) this.graphic = (nativeId, signal) => this.#graphic(nativeId, signal);
    if (!without['console.text']) this.text = (nativeId, signal) => this.#text(nativeId, signal);
  }

  #graphic(nativeId: NativeId, signal: AbortSignal): Promise<Duplex> {
    return this.calls.call('console', nativeId, signal, () => {
      const machine = this.calls.machine(nativeId);
      allow('console', machine.state);
      return this.#endingWith(nativeId, new RfbScreen(machine.name));
    });
  }

  #text(nativeId: NativeId, signal: AbortSignal): Promise<Duplex> {
    return this.calls.call('console-text', nativeId, signal, () => {
      const { name, state, bootable } = this.calls.machine(nativeId);
      allow('console-text', state);
      this.#terminals.get(nativeId)?.takeOver();
      const { host } = this.calls;
      const isUp = () => {
        const machine = host.find(nativeId);
        return machine?.state === 'running' && host.hasBooted(machine);
      };
      const terminal = new FakeTerminal(`root@${name}:/# `, answerOf(name), isUp);
      this.#terminals.set(nativeId, terminal);
      let greeting: NodeJS.Timeout | undefined;
      const greet = () => {
        if (isUp()) terminal.greet();
        else greeting = setTimeout(greet, Math.max(1, host.bootMs));
      };
      if (bootable) greet();
      terminal.once('close', () => {
        clearTimeout(greeting);
        if (this.#terminals.get(nativeId) === terminal) this.#terminals.delete(nativeId);
      });
      return this.#endingWith(nativeId, terminal);
    });
  }

  #endingWith(nativeId: NativeId, stream: Duplex): Duplex {
    const { host } = this.calls;
    const stopListening = host.onChange(() => {
      const state = host.find(nativeId)?.state;
      if (state !== 'running' && state !== 'paused') stream.destroy();
    });
    stream.once('close', stopListening);
    return stream;
  }
}

const answerOf =
  (hostname: string): Answer =>
  ([command, ...args]) => {
    switch (command) {
      case 'echo':
        return `${args.join(' ')}\n`;
      case 'hostname':
        return `${hostname}\n`;
      case 'uname':
        return 'Linux\n';
      case 'help':
        return 'echo, help, hostname, uname\n';
      default:
        return undefined;
    }
  };

type Stage = 'version' | 'security' | 'init' | 'ready';

class RfbScreen extends Duplex {
  #received = Buffer.alloc(0);
  #stage: Stage = 'version';

  constructor(private readonly title: string) {
    super();
    this.push('RFB 003.008\n');
  }

  override _read(): void {
    // Everything is pushed when the viewer asks for it.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    for (let used = this.#take(); used > 0; used = this.#take()) this.#received = this.#received.subarray(used);
    done();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.push(null);
    done();
  }

  /** Answers the first message in the buffer; how long it was, or 0 while it is not whole. */
  #take(): number {
    const { length } = this.#received;
    switch (this.#stage) {
      case 'version':
        if (length < 12) return 0;
        this.push(Buffer.from([1, 1]));
        this.#stage = 'security';
        return 12;
      case 'security':
        if (length < 1) return 0;
        this.push(Buffer.alloc(4));
        this.#stage = 'init';
        return 1;
      case 'init':
        if (length < 1) return 0;
        this.push(serverInit(this.title));
        this.#stage = 'ready';
        return 1;
      case 'ready':
        return this.#takeMessage();
    }
  }

  #takeMessage(): number {
    const [type] = this.#received;
    if (type === undefined) return 0;
    const count = () => (this.#received.length < 4 ? 0 : this.#received.readUInt16BE(2));
    const text = () => (this.#received.length < 8 ? 0 : this.#received.readUInt32BE(4));
    // SetPixelFormat, SetEncodings, FramebufferUpdateRequest, KeyEvent, PointerEvent, ClientCutText.
    const length = { 0: 20, 2: 4 + 4 * count(), 3: 10, 4: 8, 5: 6, 6: 8 + text() }[type];
    if (length === undefined) {
      this.destroy(new Error(`an RFB message of the unknown type ${type}`));
      return 0;
    }
    if (this.#received.length < length) return 0;
    const incremental = this.#received[1] !== 0;
    if (type === 3 && !incremental) this.push(wholeScreen());
    return length;
  }
}

function serverInit(title: string): Buffer {
  const name = Buffer.from(title);
  const head = Buffer.alloc(24);
  head.writeUInt16BE(width, 0);
  head.writeUInt16BE(height, 2);
  // 32 bits a pixel, depth 24, little-endian true colour; maxima and shifts of red, green and blue.
  head.set([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0], 4);
  head.writeUInt32BE(name.length, 20);
  return Buffer.concat([head, name]);
}

function wholeScreen(): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt16BE(1, 2);
  head.writeUInt16BE(width, 8);
  head.writeUInt16BE(height, 10);
  return Buffer.concat([head, Buffer.alloc(width * height * 4, Buffer.from([0x60, 0x40, 0x20, 0]))]);
}
