import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from '../inventory/discovery.ts';
import { orMissing } from '../vmx/dictionary-file.ts';

/** Lies in a folder whose machine is gone, beside disks that linked clones stand on. */
const KEPT_MARK = 'polyvirt-kept-disks.txt';
const text = (users: readonly string[]) =>
  `The VM of this folder was deleted. Its disks are here for what stands on them; they go with the last of these.
${users.map((vmx) => `${vmx}\n`).join('')}`;

/** Whether disks of a machine that was deleted are kept in this folder. */
export const isKeptFor = (folder: string): Promise<boolean> => exists(join(folder, KEPT_MARK));

/** What a kept folder is known to be needed by, and is still there: .vmx files of machines, and disks that were kept. */
export async function neededBy(folder: string): Promise<string[]> {
  const lines = (await orMissing(readFile(join(folder, KEPT_MARK), 'utf8')))?.split(/\r?\n/) ?? [];
  const users = lines.filter((line) => /\.(vmx|vmdk)$/i.test(line));
  const living = await Promise.all(users.map(async (vmx) => ((await exists(vmx)) ? vmx : undefined)));
  return living.filter((vmx) => vmx !== undefined);
}

/** Notes who needs the disks of a folder, beside those that are noted already. */
export async function keepFor(folder: string, users: readonly string[]): Promise<void> {
  const all = new Set([...(await neededBy(folder)), ...users]);
  await writeFile(join(folder, KEPT_MARK), text([...all]));
}
