import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { hostProcesses, isVmOrWindow, type HostProcess } from '../host/processes.ts';
import { machineTimer, type Timer } from './timer.ts';

/** Output that was printed before the end may still be in the pipe; after so long of silence none is. */
const QUIET_MS = 100;

export interface ProgramResult {
  /** Null when it was killed by a signal. */
  readonly exit: number | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

export interface ProgramCall {
  readonly program: string;
  readonly args: readonly string[];
  readonly deadlineMs: number;
  /** What the deadline is of; the program when absent. */
  readonly purpose?: string | undefined;
  readonly timer?: Timer | undefined;
  /** Ends the call at once; it then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Environment of the program; that of this process when absent. */
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/** The program did not end by its deadline, and was killed. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/** The program could not be started. */
export class MissingProgramError extends Error {
  override readonly name = 'MissingProgramError';
}

/**
 * Runs a program to its end. The end is its exit, not that of its output: a window that `vmrun start gui` opened holds the
 * pipes for as long as it is open.
 */
export async function runProgram({
  program,
  args,
  deadlineMs,
  purpose = program,
  timer = machineTimer,
  signal,
  env,
}: ProgramCall): Promise<ProgramResult> {
  signal?.throwIfAborted();
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true, ...(env && { env }) });
  const [stdout, stderr] = [new Output(child.stdout), new Output(child.stderr)];
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) =>
      reject(new MissingProgramError(`${program} cannot be run: ${error.message}`, { cause: error })),
    );
    child.once('exit', (code) => resolve(code));
  });
  let stopped: Error | undefined;
  const stop = (reason: Error) => {
    stopped ??= reason;
    void killTree(child);
  };
  const cancelDeadline = timer.after(deadlineMs, purpose, () =>
    stop(new DeadlineError(`no answer within ${deadlineMs} ms`)),
  );
  const onAbort = () => stop(signal?.reason as Error);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const code = await exit;
    if (stopped) throw stopped;
    await Promise.all([stdout.drained(), stderr.drained()]);
    return { exit: code, stdout: stdout.content, stderr: stderr.content };
  } finally {
    cancelDeadline();
    signal?.removeEventListener('abort', onAbort);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

/** Kills the call with the processes it has started, except VMs and windows: those are what it was for. */
async function killTree(child: ChildProcess): Promise<void> {
  const { pid } = child;
  const doomed = pid === undefined ? [] : descendantsOf(pid, await hostProcesses());
  child.kill('SIGKILL');
  for (const { pid: descendant } of doomed) {
    try {
      process.kill(descendant, 'SIGKILL');
    } catch (error) {
      // It has ended by itself, or has become somebody else's.
      if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
}

function descendantsOf(pid: number, all: readonly HostProcess[]): HostProcess[] {
  const children = all.filter((one) => one.parent === pid && !isVmOrWindow(one));
  return children.flatMap((one) => [one, ...descendantsOf(one.pid, all)]);
}

class Output {
  readonly #chunks: Buffer[] = [];
  readonly #ended: Promise<void>;
  #heardAt = 0;

  constructor(stream: Readable) {
    stream.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#heardAt = performance.now();
    });
    this.#ended = new Promise((resolve) => {
      stream.once('close', resolve);
      stream.once('error', () => resolve());
    });
  }

  get content(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** Resolves when the pipe is closed, or silent while something else holds it open. */
  async drained(): Promise<void> {
    for (;;) {
      const from = performance.now();
      let timer: NodeJS.Timeout | undefined;
      const quiet = new Promise<'quiet'>((resolve) => {
        // Only when the event loop has looked at the pipe once more.
        timer = setTimeout(() => setImmediate(() => resolve('quiet')), QUIET_MS);
      });
      const how = await Promise.race([this.#ended, quiet]);
      clearTimeout(timer);
      if (how !== 'quiet' || this.#heardAt < from) return;
    }
  }
}
