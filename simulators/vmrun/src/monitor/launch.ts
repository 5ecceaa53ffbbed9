import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Session } from '../host/session.ts';

export interface Launch {
  /** Base name of the program as process lists show it. */
  program: string;
  /** Full path imitated in the command line. */
  imitated: string;
  /** Module to run, beside `dist/`. */
  script: string;
  args: string[];
  folder: string;
  env: Record<string, string>;
  stdio: StdioOptions;
}

/** Starts a program of the installation that outlives its caller and looks like the real one to a scan of processes. */
export function launch(
  session: Session,
  { program, imitated, script, args, folder, env, stdio }: Launch,
): ChildProcess {
  const environment = { ...process.env, ...env };
  delete environment['NODE_OPTIONS'];
  return spawn(namedNode(session, program), [fileURLToPath(new URL(`../${script}`, import.meta.url)), ...args], {
    argv0: imitated,
    detached: true,
    cwd: folder,
    stdio,
    env: environment,
  });
}

/** Node under the program's name: the kernel names a process after the path it was started by. */
function namedNode(session: Session, program: string): string {
  const link = session.registry.own('programs', program);
  if (linkTarget(link) === process.execPath) return link;
  const temporary = `${link}~${process.pid}`;
  mkdirSync(dirname(link), { recursive: true });
  try {
    symlinkSync(process.execPath, temporary);
    renameSync(temporary, link);
    return link;
  } catch {
    // A file system without links: the process works all the same, only its short name is another.
    rmSync(temporary, { force: true });
    return process.execPath;
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
