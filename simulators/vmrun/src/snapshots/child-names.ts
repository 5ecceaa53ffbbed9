import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { stemOf } from '../disks/disk-file.ts';

/** The next free `base-000001.vmdk` for a disk on top of `disk`. */
export function nextChildPath(disk: string, folder: string): string {
  const base = stemOf(disk).replace(/-\d{6}$/, '');
  return firstFree((number) => join(folder, `${base}-${String(number).padStart(6, '0')}.vmdk`));
}

/** The next free `base-cl1.vmdk` for a clone's disk. */
export function cloneDiskPath(disk: string, folder: string): string {
  const base = stemOf(disk)
    .replace(/-\d{6}$/, '')
    .replace(/-cl\d+$/, '');
  return firstFree((number) => join(folder, `${base}-cl${number}.vmdk`));
}

function firstFree(pathOf: (number: number) => string): string {
  let number = 1;
  while (existsSync(pathOf(number))) number++;
  return pathOf(number);
}
