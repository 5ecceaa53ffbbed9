import { existsSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { HostPaths } from '../host/host-paths.ts';
import { CREATE_TYPES, createDisk, type DiskType } from './create-disk.ts';
import { SECTOR } from './descriptor.ts';
import { DiskError } from './disk-error.ts';
import { chainOf } from './disk-chain.ts';
import { DiskImage } from './disk-image.ts';
import { deleteDisk, editDescriptor, readDescriptor, renameDisk, stemOf } from './disk-file.ts';
import { runQemuImg } from './qemu-img.ts';

/** Copies a disk with all it has from its parents into one new disk of the given type. */
export function copyDisk(
  source: string,
  target: string,
  type: DiskType,
  paths: HostPaths,
  qemuImg: string | undefined,
): void {
  if (existsSync(target)) throw new DiskError('exists', target);
  const chain = chainOf(source, paths);
  const base = readDescriptor(source);
  const adapter = base.get('ddb.adapterType') ?? 'lsilogic';
  const hardwareVersion = base.get('ddb.virtualHWVersion') ?? '4';
  // QEMU cannot follow a chain whose links are Windows paths.
  if (qemuImg && !paths.isWindows && CREATE_TYPES[type] !== 'vmfs') {
    const options = `subformat=${CREATE_TYPES[type]},hwversion=${hardwareVersion}`;
    runQemuImg(qemuImg, ['convert', '-q', '-f', 'vmdk', '-O', 'vmdk', '-o', options, source, target]);
    editDescriptor(target, (descriptor) => descriptor.set('ddb.adapterType', adapter));
    return;
  }
  createDisk({ path: target, sectors: base.sectors, adapter, type, hardwareVersion }, qemuImg);
  writeChain(chain, target);
}

/** Gives the disk a new size, keeping its type and content. */
export function resizeDisk(path: string, sectors: number): void {
  const old = readDescriptor(path);
  const [only, ...others] = old.extents;
  if (only && others.length === 0 && only.kind !== 'SPARSE') {
    truncateSync(join(dirname(path), only.file), (only.offset + sectors) * SECTOR);
    editDescriptor(path, (descriptor) => (descriptor.extents = [{ ...only, sectors }]));
    return;
  }
  const temporary = join(dirname(path), `${stemOf(path)}-grow-${process.pid}.vmdk`);
  createDisk(
    {
      path: temporary,
      sectors,
      adapter: old.get('ddb.adapterType') ?? 'lsilogic',
      type: typeOf(path),
      hardwareVersion: old.get('ddb.virtualHWVersion') ?? '4',
    },
    undefined,
  );
  writeChain([path], temporary);
  editDescriptor(temporary, (descriptor) => descriptor.set('CID', old.contentId));
  deleteDisk(path);
  renameDisk(temporary, path);
}

/** vmware-vdiskmanager's number for the kind of this disk. */
export function typeOf(path: string): DiskType {
  const descriptor = readDescriptor(path);
  if (descriptor.get('ddb.thinProvisioned') === '1') return 6;
  const found = Object.entries(CREATE_TYPES).find(([, createType]) => createType === descriptor.createType);
  return found ? (Number(found[0]) as DiskType) : 0;
}

function writeChain(chain: string[], target: string): void {
  const image = DiskImage.open(target, { writable: true });
  try {
    for (const path of [...chain].reverse()) {
      const layer = DiskImage.open(path);
      try {
        layer.eachGrain((index, data) => image.writeGrain(index, data));
      } finally {
        layer.close();
      }
    }
  } finally {
    image.close();
  }
}
