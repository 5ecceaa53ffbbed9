import { setTimeout as sleep } from 'node:timers/promises';
import { ProblemError, type NativeId, type ProblemCode } from '@polyvirt/contracts';

/** Something that goes wrong, and where. */
export interface Fault {
  /** A method (`start`, `snapshots.create`), one of its steps (`create: define the machine`), or `*` for every method. */
  readonly at: string;
  /** Strikes only calls about this VM. */
  readonly on?: NativeId;
  /** Whether it strikes before the work is done or when it is. */
  readonly moment?: 'before' | 'after';
  /** How often it strikes; without it, always. */
  readonly times?: number;
  /** The call takes so much longer. */
  readonly delayMs?: number;
  /** The call never ends by itself: only the signal ends it. */
  readonly hang?: boolean;
  /** The call never ends, whatever it is told. */
  readonly deaf?: boolean;
  /** The call waits until the fault is disarmed. */
  readonly hold?: boolean;
  /** The call waits for this, or for the signal. */
  readonly until?: Promise<unknown>;
  /** Another tool removes the VM that the call is about. */
  readonly vanish?: boolean;
  /** The guest of the VM that the call is about ends in an error. */
  readonly guestCrash?: boolean;
  /** The process is killed on the spot, as by a power cut. */
  readonly crash?: boolean;
  readonly failWith?: ProblemCode;
  /** Anything that is no problem: what a bug in a driver would throw. */
  readonly breakWith?: string;
}

interface ArmedFault {
  readonly fault: Fault;
  left: number;
  readonly disarmed: PromiseWithResolvers<void>;
}

/** The failure knobs of a `FakeDriver`. */
export class FakeFaults {
  #armed: ArmedFault[] = [];

  constructor(
    faults: readonly Fault[],
    private readonly strike: { vanish(nativeId: NativeId): void; crash(nativeId: NativeId): void },
  ) {
    for (const fault of faults) this.add(fault);
  }

  /** Arms a fault; the answer disarms it. */
  add(fault: Fault): () => void {
    const armed = { fault, left: fault.times ?? Infinity, disarmed: Promise.withResolvers<void>() };
    this.#armed.push(armed);
    return () => {
      this.#armed = this.#armed.filter((other) => other !== armed);
      armed.disarmed.resolve();
    };
  }

  /** Disarms all. */
  clear(): void {
    for (const { disarmed } of this.#armed.splice(0)) disarmed.resolve();
  }

  /** Suffers whatever is armed for this place. */
  async reach(
    at: string,
    moment: 'before' | 'after',
    signal: AbortSignal | undefined,
    nativeId: NativeId | undefined,
  ): Promise<void> {
    for (const armed of [...this.#armed]) {
      const { fault, disarmed } = armed;
      const here = fault.at === at || (fault.at === '*' && !at.includes(': '));
      const isMeant = fault.on === undefined || fault.on === nativeId;
      if (!here || !isMeant || (fault.moment ?? 'before') !== moment || armed.left < 1) continue;
      armed.left -= 1;
      if (fault.hold) await unlessAborted(disarmed.promise, signal);
      await this.#suffer(fault, at, signal, nativeId);
    }
  }

  async #suffer(fault: Fault, at: string, signal: AbortSignal | undefined, nativeId: NativeId | undefined) {
    if (fault.delayMs !== undefined) await pause(fault.delayMs, signal);
    if (fault.hang) await pause(2 ** 31 - 1, signal);
    if (fault.deaf) await new Promise<never>(() => undefined);
    if (fault.until) await unlessAborted(fault.until, signal);
    if (fault.vanish && nativeId !== undefined) this.strike.vanish(nativeId);
    if (fault.guestCrash && nativeId !== undefined) this.strike.crash(nativeId);
    if (fault.crash) await die();
    if (fault.breakWith !== undefined) throw new Error(fault.breakWith);
    if (fault.failWith) throw new ProblemError(fault.failWith, `The fake host was told to fail at ${at}.`);
  }
}

/** Waits, and throws the reason of the signal when that is earlier. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** The same, or the reason of the signal when that is earlier. */
async function unlessAborted(work: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** SIGKILL is delivered by the kernel soon, not at once: nothing more of ours may run until then. */
async function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise<never>(() => undefined);
}
