import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Thrown when a data folder has a living owner. */
export class FolderInUse extends Error {}

/** A process that was killed leaves its mark behind, and its number may be given to a process that has nothing to do with it. */
function isAlive(pid: number, mark: string): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const commandLine = `/proc/${pid}/cmdline`;
  return !existsSync(commandLine) || readFileSync(commandLine, 'utf8').includes(mark);
}

/**
 * Claims a data folder for this process, as two writers of one journal would spoil it.
 * @param mark Part of the command line by which an owner is known.
 * @returns what gives the folder back. @throws FolderInUse
 */
export function claimFolder(file: string, mark: string): () => void {
  mkdirSync(dirname(file), { recursive: true });
  const owner = existsSync(file) ? Number(readFileSync(file, 'utf8')) : NaN;
  if (Number.isInteger(owner) && owner !== process.pid && isAlive(owner, mark))
    throw new FolderInUse(`${dirname(file)} is in use by process ${owner}`);
  writeFileSync(file, String(process.pid));
  return () => rmSync(file, { force: true });
}
