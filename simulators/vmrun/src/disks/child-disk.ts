import { basename, dirname } from 'node:path';
import type { HostPaths } from '../host/host-paths.ts';
import { createDisk } from './create-disk.ts';
import { newContentId } from './descriptor.ts';
import { DiskImage } from './disk-image.ts';
import { editDescriptor, readDescriptor } from './disk-file.ts';

/** Makes an empty disk on top of `parent`: a snapshot's or a linked clone's disk. */
export function createChild(parent: string, child: string, paths: HostPaths): void {
  const base = readDescriptor(parent);
  createDisk(
    {
      path: child,
      sectors: base.sectors,
      adapter: base.get('ddb.adapterType') ?? 'lsilogic',
      type: base.createType.startsWith('twoGb') ? 1 : 0,
      hardwareVersion: base.get('ddb.virtualHWVersion') ?? '4',
    },
    undefined,
  );
  editDescriptor(child, (descriptor) => {
    descriptor.set('parentCID', base.contentId);
    descriptor.set('parentFileNameHint', hintFor(parent, child, paths));
  });
}

/** Points a disk at another file that holds what its parent held. */
export function relinkChild(child: string, parent: string, paths: HostPaths): void {
  editDescriptor(child, (descriptor) => {
    descriptor.set('parentCID', readDescriptor(parent).contentId);
    descriptor.set('parentFileNameHint', hintFor(parent, child, paths));
  });
}

/**
 * Writes what the child holds into its parent, which takes over the child's content id: disks on top of the child fit
 * the parent afterwards, every other child of the parent does not any more.
 */
export function mergeIntoParent(child: string, parent: string): void {
  const source = DiskImage.open(child);
  const target = DiskImage.open(parent, { writable: true });
  try {
    source.eachGrain((index, data) => target.writeGrain(index, data));
  } finally {
    source.close();
    target.close();
  }
  const { contentId } = readDescriptor(child);
  editDescriptor(parent, (descriptor) => descriptor.set('CID', contentId));
}

/** Marks a disk as written to, as the monitor does at the first write after a power-on. */
export function renewContentId(path: string): void {
  editDescriptor(path, (descriptor) => descriptor.set('CID', newContentId()));
}

function hintFor(parent: string, child: string, paths: HostPaths): string {
  return dirname(parent) === dirname(child) ? basename(parent) : paths.shown(parent);
}
