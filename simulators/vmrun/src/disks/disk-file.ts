import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { replaceFile } from '../host/replace-file.ts';
import { Descriptor } from './descriptor.ts';
import { DiskError } from './disk-error.ts';
import { SparseExtent } from './sparse-extent.ts';

/** The descriptor of a disk, wherever it stands: in a text file of its own or inside the only extent. */
export function readDescriptor(path: string): Descriptor {
  if (!existsSync(path)) throw new DiskError('not-found', path);
  if (!SparseExtent.recognises(path)) {
    const text = readFileSync(path).subarray(0, 65536).toString('utf8');
    if (!/^# Disk DescriptorFile/i.test(text)) throw new DiskError('not-a-disk', path);
    return new Descriptor(text);
  }
  const extent = SparseExtent.open(path);
  try {
    const text = extent.readDescriptor();
    if (text === undefined) throw new DiskError('not-a-disk', path);
    return new Descriptor(text);
  } finally {
    extent.close();
  }
}

/** Changes the descriptor in place. */
export function editDescriptor(path: string, edit: (descriptor: Descriptor) => void): void {
  const descriptor = readDescriptor(path);
  edit(descriptor);
  writeDescriptor(path, descriptor);
}

export function writeDescriptor(path: string, descriptor: Descriptor): void {
  if (!existsSync(path)) {
    writeFileSync(path, descriptor.text());
  } else if (SparseExtent.recognises(path)) {
    const extent = SparseExtent.open(path, true);
    try {
      extent.writeDescriptor(descriptor.text());
    } finally {
      extent.close();
    }
  } else {
    replaceFile(path, descriptor.text());
  }
}

/** Every file the disk consists of, its descriptor first; parents are other disks. */
export function filesOf(path: string): string[] {
  const extents = readDescriptor(path).extents.map((extent) => join(dirname(path), extent.file));
  return [...new Set([path, ...extents])];
}

/** Deletes the disk with all its extents. */
export function deleteDisk(path: string): void {
  for (const file of filesOf(path).reverse()) rmSync(file, { force: true });
}

/** Moves the disk and renames its extents after it. */
export function renameDisk(from: string, to: string): void {
  if (existsSync(to)) throw new DiskError('exists', to);
  const descriptor = readDescriptor(from);
  const [oldStem, newStem] = [stemOf(from), stemOf(to)];
  const renamed = (file: string) => (file.startsWith(oldStem) ? newStem + file.slice(oldStem.length) : file);
  for (const file of filesOf(from)) renameSync(file, join(dirname(to), renamed(basename(file))));
  descriptor.extents = descriptor.extents.map((extent) => ({ ...extent, file: renamed(extent.file) }));
  writeDescriptor(to, descriptor);
}

export function stemOf(path: string): string {
  return basename(path).replace(/\.vmdk$/i, '');
}
