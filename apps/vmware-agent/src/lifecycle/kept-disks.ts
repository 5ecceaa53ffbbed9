import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exists, isOutOfSight, isThere } from '../inventory/discovery.ts';
import { orUnreadable } from '../inventory/unreadable.ts';
import { orMissing } from '../vmx/dictionary-file.ts';

/** Lies in a folder whose machine is gone, beside disks that linked clones stand on. */
const KEPT_MARK = 'polyvirt-kept-disks.txt';
const DISK = 'disk: ';
/** Tells a mark that names none from one of an earlier release, which named only users. */
const NO_DISKS = 'disks: none of these go with the last';
const text = (users: readonly string[], disks: readonly string[] | undefined) => {
  const named = disks?.length === 0 ? [NO_DISKS] : (disks ?? []).map((path) => `${DISK}${path}`);
  return `The VM of this folder was deleted. Its disks are here for what stands on them; they go with the last of these.
${[...users, ...named].map((line) => `${line}\n`).join('')}`;
};

/** Whether disks of a machine that was deleted are kept in this folder. */
export const isKeptFor = (folder: string): Promise<boolean> => exists(join(folder, KEPT_MARK));

const isNeededBySomebody = async (folder: string): Promise<boolean> =>
  (await isKeptFor(folder)) && (await orUnreadable(neededBy(folder)))?.length !== 0;

/** What a kept folder is known to be needed by, and is not known to be gone: .vmx files of machines, and disks that were kept. */
export async function neededBy(folder: string): Promise<string[]> {
  const users = (await linesOf(folder)).filter((line) => !line.startsWith(DISK) && /\.(vmx|vmdk)$/i.test(line));
  const mayLive = async (path: string) => (await isThere(path)) || (await isOutOfSight(path));
  const living = await Promise.all(users.map(async (path) => ((await mayLive(path)) ? path : undefined)));
  return living.filter((path) => path !== undefined);
}

/** The disks that go with the last of these users; undefined where only the users are noted, and it may be all. */
export async function keptIn(folder: string): Promise<string[] | undefined> {
  const lines = await linesOf(folder);
  const disks = lines.filter((line) => line.startsWith(DISK)).map((line) => line.slice(DISK.length));
  return disks.length > 0 || lines.includes(NO_DISKS) ? disks : undefined;
}

/** Whether a disk in the folder is kept for somebody who needs it, as far as can be seen: who cannot be asked may. */
export async function isKept(path: string): Promise<boolean> {
  const folder = dirname(path);
  if (!(await isNeededBySomebody(folder))) return false;
  const named = await orUnreadable(keptIn(folder));
  return named === undefined || named.includes(path);
}

/** Notes who needs the disks of a folder, and which these are, beside what is noted already. */
export async function keepFor(folder: string, users: readonly string[], disks: readonly string[] = []): Promise<void> {
  const allUsers = new Set([...(await neededBy(folder)), ...users]);
  const noted = (await isKeptFor(folder)) ? await keptIn(folder) : [];
  // All of them, where nothing else was noted.
  const allDisks = noted === undefined && disks.length === 0 ? undefined : [...new Set([...(noted ?? []), ...disks])];
  await writeFile(join(folder, KEPT_MARK), text([...allUsers], allDisks));
}

const linesOf = async (folder: string): Promise<string[]> =>
  (await orMissing(readFile(join(folder, KEPT_MARK), 'utf8')))?.split(/\r?\n/) ?? [];

/** A folder that was kept for disks which are gone now. */
export async function removeIfDeserted(folder: string): Promise<void> {
  const names = (await orMissing(readdir(folder))) ?? [];
  if ((await isKeptFor(folder)) && names.length === 1) await rm(folder, { recursive: true, force: true });
}
