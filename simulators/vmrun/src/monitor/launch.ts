import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface Launch {
  /** Full path of the program as the command line shows it. */
  imitated: string;
  /** Module to run, beside `dist/`. */
  script: string;
  args: string[];
  folder: string;
  env: Record<string, string>;
  stdio: StdioOptions;
}

/** Starts a program of the installation that outlives its caller and looks like the real one to a scan of processes. */
export function launch({ imitated, script, args, folder, env, stdio }: Launch): ChildProcess {
  const environment = { ...process.env, ...env };
  delete environment['NODE_OPTIONS'];
  return spawn(process.execPath, [fileURLToPath(new URL(`../${script}`, import.meta.url)), ...args], {
    argv0: imitated,
    detached: true,
    cwd: folder,
    stdio,
    env: environment,
  });
}

/** Gives this process its short name in process lists; Node calls every process "MainThread" or "node". */
export function takeName(): void {
  const program = process.argv0.replace(/^.*[\\/]/, '');
  try {
    writeFileSync('/proc/self/comm', program);
  } catch {
    // Only Linux has it; elsewhere the command line tells.
  }
}
