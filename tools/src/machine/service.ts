import { spawn } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** What to start, and how to know that it is ready. */
export interface ServiceOptions {
  /** How messages and errors call it. */
  name: string;
  program: string;
  args?: readonly string[];
  cwd?: string;
  /** The whole environment of the process. Default: that of this process. */
  env?: NodeJS.ProcessEnv;
  /** Standard output and error are appended here. */
  logFile: string;
  /** Is it ready? Asked every 50 ms while the process lives; a rejection means "not yet". */
  ready?: () => Promise<boolean>;
  /** How long it may take to become ready. Default: 30 s. */
  readyTimeoutMs?: number;
  /** Die with this process, however it ends. For test suites; Linux only, elsewhere it has no effect. */
  dieWithParent?: boolean;
}

/** A process that was started and may be stopped. */
export interface Service {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the process has ended, with its exit code, or the signal that ended it. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Is the process still there? */
  isRunning(): boolean;
  /** Sends a signal and does not wait. */
  kill(signal: NodeJS.Signals): void;
  /** Asks it to end, waits, and kills it when it has not ended in time (default 10 s). Idempotent. */
  stop(timeoutMs?: number): Promise<void>;
}

/** Starts a process and resolves once it is ready. When it dies or never becomes ready, it is killed and the error shows the end of its log. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const {
    name,
    program,
    args = [],
    cwd,
    env,
    logFile,
    ready,
    readyTimeoutMs = 30_000,
    dieWithParent = false,
  } = options;
  const log = await open(logFile, 'a', 0o600);
  const [command, ...rest] =
    dieWithParent && existsSync('/usr/bin/setpriv')
      ? ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--', program, ...args]
      : [program, ...args];
  const child = spawn(command as string, rest, { cwd, env, stdio: ['ignore', log.fd, log.fd] });
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', (error) => {
      createWriteStream(logFile, { flags: 'a' }).end(`${error.message}\n`);
      resolve({ code: null, signal: null });
    });
  });
  await log.close();
  let running = child.pid !== undefined;
  void exited.then(() => (running = false));

  const service: Service = {
    name,
    pid: child.pid ?? -1,
    exited,
    isRunning: () => running,
    kill: (signal) => void child.kill(signal),
    stop: async (timeoutMs = 10_000) => {
      if (!running) return;
      child.kill('SIGTERM');
      const timer = new AbortController();
      await Promise.race([exited, delay(timeoutMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
      timer.abort();
      if (running) child.kill('SIGKILL');
      await exited;
    },
  };

  const deadline = Date.now() + readyTimeoutMs;
  while (ready !== undefined && running && Date.now() < deadline) {
    if (await ready().catch(() => false)) return service;
    await Promise.race([exited, delay(50)]);
  }
  if (ready === undefined && running) return service;
  const why = running ? `was not ready within ${readyTimeoutMs / 1000} s` : 'ended before it was ready';
  await service.stop(0);
  throw new Error(`${name} ${why}. The end of ${logFile}:\n${await tail(logFile)}`);
}

async function tail(file: string, bytes = 2000): Promise<string> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - bytes);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}
