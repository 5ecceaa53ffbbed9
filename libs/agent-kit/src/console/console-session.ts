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
import { ProblemError, subjects, type HostId } from '@polyvirt/contracts';
import type { Duplex } from 'node:stream';

/** Credit is given in steps, as a key press is only a few bytes. */
const creditStepBytes = initialCreditBytes / 8;

export interface ConsoleTimes {
  readonly aliveEveryMs: number;
  readonly silentAfterMs: number;
}

/** Joins the console of a VM to a viewer on the bus, as fast as the slower of the two. */
export class ConsoleSession {
  /** Resolves when the session is over. */
  readonly ended: Promise<void>;
  readonly #listener: Listener;
  readonly #beat: NodeJS.Timeout;
  #resolveEnded = () => {};
  #isOver = false;
  /** Bytes that the viewer will still take, and that it may still send. */
  #credit = initialCreditBytes;
  #allowance = initialCreditBytes;
  /** Passed on to the VM, and not yet told to the viewer. */
  #owed = 0;
  #heardAt = performance.now();
  readonly #unsent: Uint8Array[] = [];

  constructor(
    private readonly bus: Bus,
    private readonly host: HostId,
    private readonly session: string,
    private readonly screen: Duplex,
    private readonly times: ConsoleTimes = { aliveEveryMs, silentAfterMs },
  ) {
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#listener = listenToBytes(bus, subjects.consoleUp(host, session), (message) => this.#hear(message));
    this.#beat = setInterval(() => this.#beAlive(), times.aliveEveryMs);
    screen.on('data', (bytes: Uint8Array) => this.#say(bytes));
    screen.once('end', () => this.end('The console was closed by the hypervisor.'));
    screen.once('close', () => this.end('The console was closed by the hypervisor.'));
    screen.on('error', (error) =>
      this.end(error instanceof ProblemError ? error.message : `The console broke off: ${error.message}`),
    );
  }

  end(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#send({ kind: 'end', reason });
    clearInterval(this.#beat);
    this.#listener.close();
    this.screen.destroy();
    this.#resolveEnded();
  }

  #hear(message: Uint8Array): void {
    this.#heardAt = performance.now();
    const frame = decodeFrame(message);
    switch (frame?.kind) {
      case 'data':
        this.#pass(frame.bytes);
        return;
      case 'credit':
        this.#credit += frame.count;
        this.#sendUnsent();
        return;
      case 'end':
        this.end(frame.reason);
        return;
      case 'alive':
        return;
      default:
        this.end('The viewer sent something that is no frame.');
    }
  }

  /** From the viewer to the VM; the viewer may send more when the VM has taken this. */
  #pass(bytes: Uint8Array): void {
    this.#allowance -= bytes.length;
    if (this.#allowance < 0) {
      this.end('The viewer sent more than it was allowed to.');
      return;
    }
    this.screen.write(bytes, (error) => {
      if (error || this.#isOver) return;
      this.#owed += bytes.length;
      if (this.#owed < creditStepBytes) return;
      this.#allowance += this.#owed;
      this.#send({ kind: 'credit', count: this.#owed });
      this.#owed = 0;
    });
  }

  /** From the VM to the viewer; without credit the VM has to wait. */
  #say(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; from += longestDataBytes)
      this.#unsent.push(bytes.subarray(from, from + longestDataBytes));
    this.#sendUnsent();
  }

  #sendUnsent(): void {
    for (let next = this.#unsent[0]; next && this.#credit >= next.length; next = this.#unsent[0]) {
      this.#unsent.shift();
      this.#credit -= next.length;
      this.#send({ kind: 'data', bytes: next });
    }
    if (this.#unsent.length > 0) this.screen.pause();
    else if (this.screen.isPaused()) this.screen.resume();
  }

  #beAlive(): void {
    if (performance.now() - this.#heardAt > this.times.silentAfterMs)
      this.end('The viewer has been silent for too long.');
    else this.#send({ kind: 'alive' });
  }

  #send(frame: ConsoleFrame): void {
    sendBytes(this.bus, subjects.consoleDown(this.host, this.session), encodeFrame(frame));
  }
}
