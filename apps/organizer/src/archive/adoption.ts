import type { VmRecord } from '@polyvirt/contracts';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { scriptNames } from '../scripts/scripts.ts';
import { isDiskTrouble } from './disk-trouble.ts';
import { syncFolder, unless, writeDurably } from './durable-files.ts';

/** Where an adopted folder keeps what the earlier program had written and we write anew. */
export const earlier = 'earlier';

const rewritten = ['README.md', 'metadata.json', ...scriptNames];
const folderOfOne = /^\d{4}-\d{2}-\d{2}_(.+)$/;
/** Programs replace what a file name cannot have by one thing or another. */
const loose = (name: string): string =>
  name
    .normalize('NFC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '');
const hypervisorKeys = ['hypervisor', 'hypervisor_type', 'provider'];

/**
 * The folder that Auto-Creation-VM made for this VM, out of those that are no one's here: the one that its files lie in, else the
 * only one of its name. Of two that would do none is taken, and KVM it did not know.
 */
export async function adoptableFolder(
  root: string,
  vm: VmRecord,
  files: readonly string[],
  isTaken: (folder: string) => boolean,
): Promise<string | undefined> {
  if (vm.hypervisor === 'kvm') return undefined;
  const found: string[] = [];
  for (const folder of await readdir(root)) {
    const [, name] = folderOfOne.exec(folder) ?? [];
    if (name === undefined || isTaken(folder) || !(await isOfEarlierProgram(join(root, folder), vm))) continue;
    if (files.some((file) => isInside(join(root, folder), file))) return folder;
    if (loose(name) !== '' && loose(name) === loose(vm.name)) found.push(folder);
  }
  return found.length === 1 ? found[0] : undefined;
}

/** Keeps what is about to be written anew. Done again after a crash, it keeps what it kept the first time. */
export async function keepEarlierFiles(folder: string): Promise<void> {
  const kept = join(folder, earlier);
  await mkdir(kept, { recursive: true, mode: 0o700 });
  for (const name of rewritten) {
    const content = await readFile(join(folder, name), 'latin1').catch(unless('ENOENT'));
    if (content === undefined) continue;
    // Byte by byte: batch files are in the code page of their machine.
    await writeDurably(join(kept, name), Buffer.from(content, 'latin1'), 0o600).catch(unless('EEXIST'));
  }
  await syncFolder(kept);
  await syncFolder(folder);
}

export function isInside(folder: string, file: string): boolean {
  const path = relative(folder, file);
  return isAbsolute(file) && path !== '' && !path.startsWith('..') && !isAbsolute(path);
}

async function isOfEarlierProgram(folder: string, vm: VmRecord): Promise<boolean> {
  try {
    const metadata = JSON.parse(await readFile(join(folder, 'metadata.json'), 'utf8')) as Record<
      string,
      unknown
    > | null;
    // Ours all have it, also one that is damaged otherwise.
    if (typeof metadata !== 'object' || metadata === null || 'vmId' in metadata) return false;
    const said = hypervisorKeys.map((key) => metadata[key]).find((value) => typeof value === 'string');
    return said === undefined || said.toLowerCase().includes(vm.hypervisor);
  } catch (error) {
    // It may be one all the same: a folder of another name beside it would stay for ever.
    if (isDiskTrouble(error)) throw error;
    return false;
  }
}
