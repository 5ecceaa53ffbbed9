import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MAKING_MARK, exists } from '../inventory/discovery.ts';
import { orMissing } from '../vmx/dictionary-file.ts';
import type { Place } from './place.ts';

/** Makes the folder of a new machine, and hides what is in it until it is finished. One that is finished stays as it is. */
export async function beginAt({ folder, vmx }: Place, operationId: string): Promise<void> {
  if (await isFinished({ folder, vmx })) return;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, MAKING_MARK), `${operationId}\n`);
}

/** Shows the machine. */
export async function finishAt({ folder }: Place): Promise<void> {
  await rm(join(folder, MAKING_MARK), { force: true });
}

export async function isFinished({ folder, vmx }: Pick<Place, 'folder' | 'vmx'>): Promise<boolean> {
  return (await exists(vmx)) && (await orMissing(readFile(join(folder, MAKING_MARK)))) === undefined;
}

/** Removes what an attempt has left in a folder that is not finished. */
export async function emptyUnfinished({ folder }: Place): Promise<void> {
  for (const name of (await orMissing(readdir(folder))) ?? [])
    if (name !== MAKING_MARK) await rm(join(folder, name), { recursive: true, force: true });
}

/** Windows lets go of files a moment after their process has ended. */
export const removeFolder = (folder: string): Promise<void> =>
  rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
