import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, isOutOfSight, isThere } from '../inventory/discovery.ts';
import { orUnreadable } from '../inventory/unreadable.ts';
import { orMissing } from '../vmx/dictionary-file.ts';

/** Lies in a folder whose machine is gone, beside disks that linked clones stand on. */
const KEPT_MARK = 'polyvirt-kept-disks.txt';
const DISK = 'disk: ';
const text = (users: readonly string[], disks: readonly string[]) =>
  `The VM of this folder was deleted. Its disks are here for what stands on them; they go with the last of these.
${[...users, ...disks.map((path) => `${DISK}${path}`)].map((line) => `${line}\n`).join('')}`;

/** Whether disks of a machine that was deleted are kept in this folder. */
export const isKeptFor = (folder: string): Promise<boolean> => exists(join(folder, KEPT_MARK));

/** Whether somebody needs what is kept in a folder, as far as can be seen: who cannot be asked may. */
export const isNeededBySomebody = async (folder: string): Promise<boolean> =>
  (await isKeptFor(folder)) && (await orUnreadable(neededBy(folder)))?.length !== 0;

/** What a kept folder is known to be needed by, and is not known to be gone: .vmx files of machines, and disks that were kept. */
export async function neededBy(folder: string): Promise<string[]> {
  const users = (await linesOf(folder)).filter((line) => !line.startsWith(DISK) && /\.(vmx|vmdk)$/i.test(line));
  const mayLive = async (path: string) => (await isThere(path)) || (await isOutOfSight(path));
  const living = await Promise.all(users.map(async (path) => ((await mayLive(path)) ? path : undefined)));
  return living.filter((path) => path !== undefined);
}

/** The disks that a folder was kept for; empty where only their users are noted. */
export async function keptIn(folder: string): Promise<string[]> {
  return (await linesOf(folder)).filter((line) => line.startsWith(DISK)).map((line) => line.slice(DISK.length));
}

/** Notes who needs the disks of a folder, and which these are, beside what is noted already. */
export async function keepFor(folder: string, users: readonly string[], disks: readonly string[] = []): Promise<void> {
  const allUsers = new Set([...(await neededBy(folder)), ...users]);
  const allDisks = new Set([...(await keptIn(folder)), ...disks]);
  await writeFile(join(folder, KEPT_MARK), text([...allUsers], [...allDisks]));
}

const linesOf = async (folder: string): Promise<string[]> =>
  (await orMissing(readFile(join(folder, KEPT_MARK), 'utf8')))?.split(/\r?\n/) ?? [];

/** A folder that was kept for disks which are gone now. */
export async function removeIfDeserted(folder: string): Promise<void> {
  const names = (await orMissing(readdir(folder))) ?? [];
  if ((await isKeptFor(folder)) && names.length === 1) await rm(folder, { recursive: true, force: true });
}
