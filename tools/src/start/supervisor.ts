import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

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
  /** Does it do its work? A rejection means "not yet". */
  readonly ready: () => Promise<boolean>;
}

export interface SupervisorOptions {
  log: (line: string) => void;
  /** Called whenever a process was started or has ended. */
  changed: (running: readonly { name: string; pid: number }[]) => Promise<void>;
  /** First and longest pause before a restart. */
  backOffMs?: { first: number; longest: number };
  /** A process that ran for so long starts again without a pause. */
  steadyMs?: number;
  /** How long a process may take to end before it is killed. */
  stopTimeoutMs?: number;
}

/** sysexits.h's EX_CONFIG: the service says that its configuration is wrong, and a restart would not help. */
const INVALID_CONFIGURATION = 78;
const LOG_LIMIT_BYTES = 20 * 1024 * 1024;

interface Running {
  readonly service: Supervised;
  child: ChildProcess | undefined;
  /** Ends when the service is stopped for good, or gives up. */
  loop: Promise<void>;
  failure: Error | undefined;
}

/** Keeps services running: starts them in order, restarts what dies, stops them in reverse order. */
export class Supervisor {
  readonly #options: Required<SupervisorOptions>;
  readonly #services: Running[] = [];
  readonly #stopping = new AbortController();

  constructor(options: SupervisorOptions) {
    this.#options = { backOffMs: { first: 500, longest: 30_000 }, steadyMs: 60_000, stopTimeoutMs: 20_000, ...options };
  }

  /** Starts a service and resolves when it is ready. While it is not, it is started again whenever it dies; rejects when that takes too long. */
  async start(service: Supervised, timeoutMs = 120_000): Promise<void> {
    this.#stopping.signal.throwIfAborted();
    const running: Running = { service, child: undefined, loop: Promise.resolve(), failure: undefined };
    this.#services.push(running);
    running.loop = this.#keepRunning(running);
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      this.#stopping.signal.throwIfAborted();
      if (running.failure !== undefined) throw running.failure;
      if (running.child !== undefined && (await service.ready().catch(() => false))) return;
      if (Date.now() > deadline)
        throw new Error(`${service.name} was not ready within ${timeoutMs / 1000} s; see ${service.logFile}`);
      await delay(100, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
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
    const { log, backOffMs, steadyMs } = this.#options;
    const { name } = running.service;
    const { signal } = this.#stopping;
    let pause = backOffMs.first;
    while (!signal.aborted) {
      const begin = Date.now();
      const end = await this.#runOnce(running).catch((error: unknown) => String(error));
      if (signal.aborted) break;
      if (end === INVALID_CONFIGURATION) {
        running.failure = new Error(`${name} refuses its configuration; see ${running.service.logFile}`);
        log(running.failure.message);
        break;
      }
      if (Date.now() - begin >= steadyMs) pause = backOffMs.first;
      const how = typeof end === 'number' ? `exit code ${end}` : end;
      log(`${name} has ended (${how}) and is started again in ${pause / 1000} s; see ${running.service.logFile}`);
      await delay(pause, undefined, { signal }).catch(() => undefined);
      pause = Math.min(pause * 2, backOffMs.longest);
    }
  }

  /** Runs the program once and resolves with its exit code or signal. */
  async #runOnce(running: Running): Promise<number | string> {
    const { program, args, env, cwd, logFile } = running.service;
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
        await this.#tell();
      }
      return await ended;
    } finally {
      running.child = undefined;
      await log.close();
      if (!this.#stopping.signal.aborted) await this.#tell();
    }
  }

  /** A process must not be lost from sight because its pid could not be written down. */
  async #tell(): Promise<void> {
    await this.#options.changed(this.running).catch((error: unknown) => this.#options.log(String(error)));
  }
}

/** Opens a log for appending; one that has grown too long is put aside first, and the one before it forgotten. */
async function openLog(file: string) {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const size = (await stat(file).catch(() => undefined))?.size ?? 0;
  if (size > LOG_LIMIT_BYTES) await rename(file, `${file}.1`);
  return await open(file, 'a', 0o600);
}
