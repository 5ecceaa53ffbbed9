import { spawn, type ChildProcess } from 'node:child_process';
import { root } from '../places.ts';

const pinnedNode = process.execPath;
const running = new Set<ChildProcess>();
let interrupted: NodeJS.Signals | undefined;

/** Ends the programs in the foreground and starts no other. */
export function interrupt(signal: NodeJS.Signals): void {
  interrupted = signal;
  for (const child of running) child.kill(signal);
}

/** The signal that ended the run before its time, if one did. */
export const interruptedBy = () => interrupted;

export interface ForegroundOptions {
  env?: NodeJS.ProcessEnv;
  /** It is killed after this time. */
  timeoutMs: number;
  /** Asked every second: kill it although its time is not up? */
  isStuck?: () => Promise<boolean>;
}

export type ForegroundEnd = { code: number } | { killed: 'timeout' | 'stuck' };

/** Runs a script on the pinned Node in the root of the repository, its output passed through. */
export async function foreground(
  script: string,
  args: readonly string[],
  options: ForegroundOptions,
): Promise<ForegroundEnd> {
  if (interrupted !== undefined) throw new Error(`interrupted by ${interrupted}`);
  const child = spawn(pinnedNode, [script, ...args], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...options.env },
  });
  running.add(child);
  const deadline = Date.now() + options.timeoutMs;
  let killed: 'timeout' | 'stuck' | undefined;
  const watch = setInterval(() => {
    void (async () => {
      if (Date.now() > deadline) killed = 'timeout';
      else if (await options.isStuck?.()) killed = 'stuck';
      if (killed !== undefined) child.kill('SIGKILL');
    })();
  }, 1000);
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (exitCode) => resolve(exitCode ?? 1));
    });
    return killed === undefined ? { code } : { killed };
  } finally {
    clearInterval(watch);
    running.delete(child);
  }
}
