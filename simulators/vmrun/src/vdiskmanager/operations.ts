import { existsSync } from 'node:fs';
import type { Session } from '../host/session.ts';
import { createDisk, type DiskType } from '../disks/create-disk.ts';
import { copyDisk, resizeDisk } from '../disks/copy-disk.ts';
import { DiskError } from '../disks/disk-error.ts';
import { chainOf } from '../disks/disk-chain.ts';
import { deleteDisk, filesOf, readDescriptor, renameDisk } from '../disks/disk-file.ts';
import { findQemuImg } from '../disks/qemu-img.ts';
import { SparseExtent } from '../disks/sparse-extent.ts';
import { LockFolder } from '../machine/lock-folder.ts';
import { sectorsOf, type DiskRequest } from './arguments.ts';

/** What an operation prints: a progress word that counts to 100%, then lines. */
export interface DiskReport {
  progress?: string;
  lines: string[];
}

/** A failure with the sentence that the operation begins it with. */
export class DiskFailure extends Error {}

const EXPANSION_WARNING = [
  'Disk expansion completed successfully.',
  '',
  'WARNING: If the virtual disk is partitioned, you must use a third-party',
  '         utility in the virtual machine to expand the size of the',
  '         partitions. For more information, see:',
  '         https://kb.vmware.com/kb/1004071',
];

export async function performDiskOperation(
  session: Session,
  request: DiskRequest,
  halfway: () => Promise<void>,
): Promise<DiskReport> {
  const disk = session.paths.local(request.disks[0] ?? '');
  switch (request.operation) {
    case '-c':
      return create(session, request, disk, halfway);
    case '-x':
      return expand(request, disk, halfway);
    case '-d':
      return defragment(request, disk, halfway);
    case '-k':
      return shrink(request, disk, halfway);
    case '-r':
      return convert(session, request, disk, halfway);
    case '-n':
      return rename(session, request, disk, halfway);
    case '-R':
      return repair(request, disk);
    case '-e':
      return check(session, request, disk);
    case '-U':
      return remove(request, disk, halfway);
    case '-D':
      openable(request, disk);
      return { lines: ['Virtual disk is now deletable.'] };
    default:
      throw new DiskFailure('Failed to prepare the mount point: The operation is not supported (0x6).');
  }
}

async function create(
  session: Session,
  request: DiskRequest,
  disk: string,
  halfway: () => Promise<void>,
): Promise<DiskReport> {
  const adapter = request.adapter ?? 'lsilogic';
  const sectors = sectorsOf(request.size ?? '', adapter);
  const type = Number(request.type ?? '0');
  const isKnown = ['ide', 'buslogic', 'lsilogic', 'nvme'].includes(adapter) && type >= 0 && type <= 6;
  if (sectors === undefined || !isKnown)
    throw new DiskFailure('Failed to create disk: One of the parameters was invalid (0x3).');
  await attempt('Failed to create disk', async () => {
    const hardwareVersion = String(session.knobs.maxHardwareVersion);
    createDisk({ path: disk, sectors, adapter, type: type as DiskType, hardwareVersion }, qemuImgOf(session));
    await halfway();
  });
  return { progress: 'Create', lines: ['Virtual disk creation successful.'] };
}

async function expand(request: DiskRequest, disk: string, halfway: () => Promise<void>): Promise<DiskReport> {
  const sectors = sectorsOf(request.size ?? '', '');
  openable(request, disk);
  if (sectors === undefined)
    throw new DiskFailure('Failed to expand the disk: One of the parameters was invalid (0x3).');
  await attempt('Failed to expand the disk', async () => {
    const descriptor = readDescriptor(disk);
    if (descriptor.parentHint !== undefined) throw new DiskError('has-snapshots', disk);
    if (sectors < descriptor.sectors) throw new DiskError('not-supported', disk);
    await halfway();
    if (sectors > descriptor.sectors) resizeDisk(disk, sectors);
  });
  return { progress: 'Grow', lines: EXPANSION_WARNING };
}

async function defragment(request: DiskRequest, disk: string, halfway: () => Promise<void>): Promise<DiskReport> {
  openable(request, disk);
  await attempt('Failed to defragment', async () => {
    requireClean(disk);
    await halfway();
  });
  return { progress: 'Defragment', lines: ['Defragmentation completed successfully.'] };
}

async function shrink(request: DiskRequest, disk: string, halfway: () => Promise<void>): Promise<DiskReport> {
  openable(request, disk);
  await attempt('Failed to shrink', async () => {
    requireClean(disk);
    if (readDescriptor(disk).parentHint !== undefined) throw new DiskError('not-parent', disk);
    await halfway();
  });
  return { progress: 'Shrink', lines: ['Shrink completed successfully.'] };
}

async function convert(
  session: Session,
  request: DiskRequest,
  disk: string,
  halfway: () => Promise<void>,
): Promise<DiskReport> {
  openable(request, disk);
  const type = Number(request.type ?? '0');
  const target = request.disks[1];
  if (target === undefined || !(type >= 0 && type <= 6)) {
    throw new DiskFailure('Failed to convert disk: One of the parameters was invalid (0x3).');
  }
  await attempt('Failed to convert disk', async () => {
    copyDisk(disk, session.paths.local(target), type as DiskType, session.paths, qemuImgOf(session));
    await halfway();
  });
  return { progress: 'Convert', lines: ['Virtual disk conversion successful.'] };
}

async function rename(
  session: Session,
  request: DiskRequest,
  disk: string,
  halfway: () => Promise<void>,
): Promise<DiskReport> {
  openable(request, disk);
  const target = request.disks[1];
  if (target === undefined)
    throw new DiskFailure('Failed to rename the disk: One of the parameters was invalid (0x3).');
  await attempt('Failed to rename the disk', async () => {
    await halfway();
    renameDisk(disk, session.paths.local(target));
  });
  return { lines: ['Virtual disk rename successful.'] };
}

function repair(request: DiskRequest, disk: string): DiskReport {
  openable(request, disk);
  const damaged = sparseFilesOf(disk).filter(isUnclean);
  for (const file of damaged) {
    const extent = SparseExtent.open(file, true);
    extent.markClean();
    extent.close();
  }
  const name = request.disks[0];
  return damaged.length > 0
    ? { lines: [`The virtual disk, '${name}', was corrupted and has been successfully repaired.`] }
    : { lines: [`No errors were found on the virtual disk, '${name}'.`] };
}

async function check(session: Session, request: DiskRequest, disk: string): Promise<DiskReport> {
  openable(request, disk);
  await attempt('Disk chain is not consistent', async () => {
    for (const layer of chainOf(disk, session.paths)) requireClean(layer);
  });
  return { lines: ['Disk chain is consistent.'] };
}

async function remove(request: DiskRequest, disk: string, halfway: () => Promise<void>): Promise<DiskReport> {
  openable(request, disk);
  await attempt('Failed to delete the disk', async () => {
    if (new LockFolder(disk).holders().some((holder) => holder.isAlive)) throw new DiskError('in-use', disk);
    await halfway();
    deleteDisk(disk);
  });
  return { lines: [] };
}

/** Throws the sentence for a disk that cannot be opened at all. */
function openable(request: DiskRequest, disk: string): void {
  try {
    readDescriptor(disk);
  } catch (cause) {
    if (!(cause instanceof DiskError)) throw cause;
    throw new DiskFailure(`Failed to open the disk '${request.disks[0] ?? ''}' : ${cause.withCode}.`);
  }
}

async function attempt(sentence: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    throw cause instanceof DiskError ? new DiskFailure(`${sentence}: ${cause.withCode}.`) : cause;
  }
}

function requireClean(disk: string): void {
  if (sparseFilesOf(disk).some(isUnclean)) throw new DiskError('needs-repair', disk);
}

function sparseFilesOf(disk: string): string[] {
  return filesOf(disk).filter((file) => existsSync(file) && SparseExtent.recognises(file));
}

function isUnclean(file: string): boolean {
  const extent = SparseExtent.open(file);
  try {
    return extent.isUnclean;
  } finally {
    extent.close();
  }
}

function qemuImgOf(session: Session): string | undefined {
  return session.knobs.qemuImg === 'auto' ? findQemuImg() : undefined;
}
