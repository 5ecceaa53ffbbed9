import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { wantedCpuMs } from '../machine/cpu-time.ts';
import { Vigil } from './vigil.ts';

/** A program to keep running. */
export interface Supervised {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Standard output and error are appended here. */
  readonly logFile: string;
  /** Does it do its work, since `sinceMs` of `performance.now()`? A rejection means "not yet". */
  readonly ready: (sinceMs: number) => Promise<boolean>;
  /** Has it given a sign of life lately? A rejection means no. Without it, only an exit counts. */
  readonly alive?: () => Promise<boolean>;
  /** The service through which signs of life come: while that gives none, nothing is known of this one. */
  readonly through?: string;
  /** What share of a core it may use and still be said to hang; default a two thousandth. */
  readonly idleShare?: number;
  /** Longest pause before it is started again, where others wait for it. */
  readonly longestPauseMs?: number;
}

export interface SupervisorOptions {
  log: (line: string) => void;
  /** Called whenever a process was started or has ended. */
  changed: (running: readonly { name: string; pid: number }[]) => Promise<void>;
  /** First and longest pause before a restart. */
  backOffMs?: { first: number; longest: number };
  /** A process that hangs for so long is ended and started again. */
  silenceMs?: number;
  /** The same of one that has yet to give its first sign of life. */
  firstSignMs?: number;
  /** How often signs of life are looked for. */
  lookEveryMs?: number;
  /** How long a process may take to end before it is killed. */
  stopTimeoutMs?: number;
}

/** sysexits.h's EX_CONFIG: the service says that its configuration is wrong, and a restart would not help. */
const INVALID_CONFIGURATION = 78;
const LOG_LIMIT_BYTES = 20 * 1024 * 1024;

/** How often it is asked whether a service that has been started is ready. */
const READY_LOOK_MS = 100;
/** A question for a sign of life has its answer by then, or goes without one. */
const LONGEST_LOOK_MS = 6_000;
/** A process that sleeps between beats wants more. */
const IDLE_SHARE = 0.0005;

interface Running {
  readonly service: Supervised;
  child: ChildProcess | undefined;
  /** Whether the process that runs has been ready since it was started. */
  isReady: boolean;
  /** Whether any process of it has been. */
  hasBeenReady: boolean;
  /** Whether it was silent when it was looked at last, or does not run. */
  isSilent: boolean;
  /** Why the supervisor has ended it. */
  ended: string | undefined;
  /** Ends when the service is stopped for good, or gives up. */
  loop: Promise<void>;
  failure: Error | undefined;
}

/** Keeps services running: starts them in order, starts again what dies or hangs, stops them in reverse order. */
export class Supervisor {
  readonly #options: Required<SupervisorOptions>;
  readonly #services: Running[] = [];
  readonly #stopping = new AbortController();

  constructor(options: SupervisorOptions) {
    this.#options = {
      backOffMs: { first: 500, longest: 30_000 },
      silenceMs: 15_000,
      firstSignMs: 60_000,
      lookEveryMs: 1_000,
      stopTimeoutMs: 20_000,
      ...options,
    };
  }

  /** Starts a service and resolves when it is ready. While it is not, it is started again whenever it dies; rejects when that takes too long. */
  async start(service: Supervised, timeoutMs = 120_000): Promise<void> {
    this.#stopping.signal.throwIfAborted();
    const running: Running = {
      service,
      child: undefined,
      isReady: false,
      hasBeenReady: false,
      isSilent: true,
      ended: undefined,
      loop: Promise.resolve(),
      failure: undefined,
    };
    this.#services.push(running);
    running.loop = this.#keepRunning(running);
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      this.#stopping.signal.throwIfAborted();
      if (running.failure !== undefined) throw running.failure;
      if (running.isReady) return;
      if (Date.now() > deadline)
        throw new Error(`${service.name} was not ready within ${timeoutMs / 1000} s; see ${service.logFile}`);
      await delay(READY_LOOK_MS, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    }
  }

  get running(): { name: string; pid: number }[] {
    return this.#services.flatMap(({ service, child }) =>
      child?.pid === undefined ? [] : [{ name: service.name, pid: child.pid }],
    );
  }

  /** Stops everything, the last one started first. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('Polyvirt is stopping'));
    for (const running of this.#services.toReversed()) {
      const { child, service } = running;
      if (child === undefined) {
        await running.loop;
        continue;
      }
      child.kill('SIGTERM');
      const timer = setTimeout(() => {
        this.#options.log(`${service.name} did not end within ${this.#options.stopTimeoutMs / 1000} s and is killed`);
        child.kill('SIGKILL');
      }, this.#options.stopTimeoutMs);
      await running.loop;
      clearTimeout(timer);
    }
  }

  async #keepRunning(running: Running): Promise<void> {
    const { log, backOffMs } = this.#options;
    const { name, logFile, longestPauseMs = backOffMs.longest } = running.service;
    const { signal } = this.#stopping;
    let pause = backOffMs.first;
    while (!signal.aborted) {
      const end = await this.#runOnce(running).catch((error: unknown) => String(error));
      if (signal.aborted) break;
      if (end === INVALID_CONFIGURATION) {
        running.failure = new Error(`${name} refuses its configuration; see ${logFile}`);
        log(running.failure.message);
        break;
      }
      // One that was well is no reason for caution, however often it has been killed.
      if (running.isReady) pause = backOffMs.first;
      const how = running.ended ?? `has ended (${typeof end === 'number' ? `exit code ${end}` : end})`;
      log(`${name} ${how} and is started again in ${pause / 1000} s; see ${logFile}`);
      await delay(pause, undefined, { signal }).catch(() => undefined);
      pause = Math.min(pause * 2, longestPauseMs);
    }
  }

  /** Runs the program once and resolves with its exit code or signal. */
  async #runOnce(running: Running): Promise<number | string> {
    const { program, args, env, cwd, logFile } = running.service;
    running.isReady = false;
    running.ended = undefined;
    const log = await openLog(logFile);
    try {
      if (this.#stopping.signal.aborted) return 'stopped';
      // A session of its own: Ctrl-C in the terminal is for the supervisor, which stops its services in order.
      const child = spawn(program, args, {
        cwd,
        env,
        stdio: ['ignore', log.fd, log.fd],
        detached: process.platform !== 'win32',
      });
      const ended = new Promise<number | string>((resolve, reject) => {
        child.once('error', reject);
        child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
      });
      // A failure to start shows at the await below; until then somebody has to listen.
      ended.catch(() => undefined);
      if (child.pid !== undefined) {
        running.child = child;
        const gone = new AbortController();
        const watching = Promise.all([
          this.#untilReady(running, gone.signal),
          this.#watch(running, child, gone.signal),
        ]);
        try {
          await this.#tell();
          return await ended;
        } finally {
          gone.abort();
          await watching;
        }
      }
      return await ended;
    } finally {
      running.child = undefined;
      running.isSilent = true;
      await log.close();
      if (!this.#stopping.signal.aborted) await this.#tell();
    }
  }

  async #untilReady(running: Running, gone: AbortSignal): Promise<void> {
    const begin = performance.now();
    while (!gone.aborted) {
      const isReady = await unlessGone(running.service.ready(begin), gone);
      if (isReady && !gone.aborted) {
        running.isReady = true;
        if (running.hasBeenReady) this.#options.log(`${running.service.name} is ready again`);
        running.hasBeenReady = true;
      }
      if (isReady) return;
      await delay(READY_LOOK_MS, undefined, { signal: gone }).catch(() => undefined);
    }
  }

  /** Looks for signs of life, and ends what hangs. */
  async #watch(running: Running, child: ChildProcess, gone: AbortSignal): Promise<void> {
    const { alive, through, idleShare = IDLE_SHARE } = running.service;
    if (alive === undefined) return;
    const { silenceMs, firstSignMs, lookEveryMs } = this.#options;
    const vigil = new Vigil({ silenceMs, firstSignMs, idleShare });
    let lookedAtMs = performance.now();
    while (!gone.aborted) {
      await delay(lookEveryMs, undefined, { signal: gone }).catch(() => undefined);
      const isAlive = await unlessGone(alive(), AbortSignal.any([gone, AbortSignal.timeout(LONGEST_LOOK_MS)]));
      // What stops is silent, and has its time for that.
      if (gone.aborted || this.#stopping.signal.aborted) return;
      const now = performance.now();
      // More has passed only where the supervisor itself was kept from looking, or the machine slept.
      const lookedMs = Math.min(now - lookedAtMs, lookEveryMs + LONGEST_LOOK_MS);
      lookedAtMs = now;
      if (isAlive) vigil.heard();
      else if (through !== undefined && this.#isSilent(through)) vigil.excuse();
      else if (await vigil.missed(lookedMs, () => wantedCpuMs(child.pid!))) {
        const seconds = (vigil.hasSpoken ? silenceMs : firstSignMs) / 1000;
        running.ended = `hangs: it gave no sign of life for ${seconds} s and used no CPU. It was ended`;
        child.kill('SIGKILL');
        return;
      }
      running.isSilent = vigil.isSilent;
    }
  }

  #isSilent(name: string): boolean {
    return this.#services.find(({ service }) => service.name === name)?.isSilent ?? true;
  }

  /** A process must not be lost from sight because its pid could not be written down. */
  async #tell(): Promise<void> {
    await this.#options.changed(this.running).catch((error: unknown) => this.#options.log(String(error)));
  }
}

/** Whether it holds; false when it cannot be told, or nobody waits for it any more. */
async function unlessGone(question: Promise<boolean>, gone: AbortSignal): Promise<boolean> {
  const { promise: over, resolve } = Promise.withResolvers<false>();
  const end = () => resolve(false);
  gone.addEventListener('abort', end, { once: true });
  try {
    return await Promise.race([question.catch(() => false), over]);
  } finally {
    gone.removeEventListener('abort', end);
  }
}

/** Opens a log for appending; one that has grown too long is put aside first, and the one before it forgotten. */
async function openLog(file: string) {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const size = (await stat(file).catch(() => undefined))?.size ?? 0;
  if (size > LOG_LIMIT_BYTES) await rename(file, `${file}.1`);
  return await open(file, 'a', 0o600);
}
