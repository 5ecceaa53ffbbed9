import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { root } from '../places.ts';

const running = new Set<ChildProcess>();
let interrupted: NodeJS.Signals | undefined;

/** Ends the programs that run and starts no other. */
export function interrupt(signal: NodeJS.Signals): void {
  interrupted = signal;
  for (const child of running) child.kill(signal);
}

/** The signal that ended the run before its time, if one did. */
export const interruptedBy = () => interrupted;

export interface ProgramOptions {
  env?: NodeJS.ProcessEnv;
  /** Told every line that it prints. Without it, it prints where this process does. */
  output?: (line: string) => void;
  /** Told every message that it sends over the channel to its parent, with the means to answer. */
  message?: (message: unknown, answer: (message: object) => void) => void;
  /** It is killed after this time. */
  timeoutMs: number;
  /** Asked every second: kill it although its time is not up? */
  isStuck?: () => boolean;
  /** A program, and arguments before the script, that starts it; by default the pinned Node. */
  launcher?: readonly string[];
}

export type ProgramEnd = { code: number } | { killed: 'timeout' | 'stuck' };

/** Runs a script on the pinned Node in the root of the repository. */
export async function runProgram(
  script: string,
  args: readonly string[],
  { env, output, message, timeoutMs, isStuck, launcher = [] }: ProgramOptions,
): Promise<ProgramEnd> {
  if (interrupted !== undefined) throw new Error(`interrupted by ${interrupted}`);
  const [program, ...rest] = [...launcher, process.execPath, script, ...args];
  const prints = output === undefined ? 'inherit' : 'pipe';
  const child = spawn(program!, rest, {
    cwd: root,
    stdio: ['ignore', prints, prints, message === undefined ? 'ignore' : 'ipc'],
    env: { ...process.env, ...env },
  });
  running.add(child);
  if (message !== undefined)
    child.on('message', (received) => message(received, (answer) => child.connected && child.send(answer)));
  for (const stream of [child.stdout, child.stderr])
    if (stream !== null && output !== undefined) createInterface({ input: stream }).on('line', output);
  const deadline = Date.now() + timeoutMs;
  let killed: 'timeout' | 'stuck' | undefined;
  const watch = setInterval(() => {
    if (Date.now() > deadline) killed = 'timeout';
    else if (isStuck?.()) killed = 'stuck';
    if (killed !== undefined) child.kill('SIGKILL');
  }, 1000);
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (exitCode) => {
        // What it started may live on and keep the pipes open: what was printed until now is what counts.
        const drained = setTimeout(() => resolve(exitCode ?? 1), 1_000);
        child.once('close', () => {
          clearTimeout(drained);
          resolve(exitCode ?? 1);
        });
      });
    });
    return killed === undefined ? { code } : { killed };
  } finally {
    clearInterval(watch);
    running.delete(child);
  }
}
