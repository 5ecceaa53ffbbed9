import { dirname } from 'node:path';
import type { HostPaths } from '../host/host-paths.ts';
import { DiskError } from './disk-error.ts';
import { readDescriptor } from './disk-file.ts';

/**
 * The disk and its parents, the disk itself first. Throws `parent-missing` for a parent that cannot be opened and
 * `parent-modified` for one that is no longer what the child was made from.
 */
export function chainOf(path: string, paths: HostPaths): string[] {
  const chain = [path];
  for (let child = readDescriptor(path); child.parentHint !== undefined;) {
    const childPath = chain.at(-1)!;
    const parentPath = paths.local(child.parentHint, dirname(childPath));
    if (chain.includes(parentPath)) throw new DiskError('parent-missing', childPath);
    const parent = openParent(parentPath, childPath);
    if (parent.contentId !== child.parentContentId) throw new DiskError('parent-modified', childPath);
    chain.push(parentPath);
    child = parent;
  }
  return chain;
}

/** The disk's immediate parent, whether or not it can be opened. */
export function parentOf(path: string, paths: HostPaths): string | undefined {
  const hint = readDescriptor(path).parentHint;
  return hint === undefined ? undefined : paths.local(hint, dirname(path));
}

function openParent(path: string, childPath: string) {
  try {
    return readDescriptor(path);
  } catch {
    throw new DiskError('parent-missing', childPath);
  }
}
