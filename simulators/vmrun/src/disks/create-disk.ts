import { closeSync, existsSync, ftruncateSync, openSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Descriptor, SECTOR, type Extent } from './descriptor.ts';
import { DiskError } from './disk-error.ts';
import { editDescriptor, stemOf, writeDescriptor } from './disk-file.ts';
import { runQemuImg } from './qemu-img.ts';
import { SparseExtent } from './sparse-extent.ts';

/** vmware-vdiskmanager's `-t`. */
export type DiskType = 0 | 1 | 2 | 3 | 4 | 5 | 6;

export interface DiskPlan {
  path: string;
  sectors: number;
  adapter: string;
  type: DiskType;
  hardwareVersion: string;
}

export const CREATE_TYPES: Record<DiskType, string> = {
  0: 'monolithicSparse',
  1: 'twoGbMaxExtentSparse',
  2: 'monolithicFlat',
  3: 'twoGbMaxExtentFlat',
  4: 'vmfs',
  5: 'streamOptimized',
  6: 'vmfs',
};

const SPLIT_SECTORS = 4192256;

/** Makes an empty disk; `qemuImg` is used for the types it knows when given. */
export function createDisk(plan: DiskPlan, qemuImg: string | undefined): void {
  if (existsSync(plan.path)) throw new DiskError('exists', plan.path);
  if (!existsSync(dirname(plan.path))) throw new DiskError('not-found', plan.path);
  if (qemuImg && CREATE_TYPES[plan.type] !== 'vmfs') createWithQemuImg(plan, qemuImg);
  else createAlone(plan);
}

function createWithQemuImg({ path, sectors, adapter, type, hardwareVersion }: DiskPlan, qemuImg: string): void {
  const adapterType = adapter === 'ide' || adapter === 'buslogic' ? adapter : 'lsilogic';
  const options = `subformat=${CREATE_TYPES[type]},adapter_type=${adapterType},hwversion=${hardwareVersion}`;
  runQemuImg(qemuImg, ['create', '-q', '-f', 'vmdk', '-o', options, path, String(sectors * SECTOR)]);
  editDescriptor(path, (descriptor) => descriptor.set('ddb.adapterType', adapter));
}

function createAlone(plan: DiskPlan): void {
  const createType = CREATE_TYPES[plan.type];
  if (createType === 'streamOptimized') throw new DiskError('not-supported', plan.path);
  const extents = planExtents(plan);
  const made: string[] = [];
  try {
    for (const extent of extents) {
      const file = join(dirname(plan.path), extent.file);
      if (extent.kind === 'SPARSE') SparseExtent.create(file, extent.sectors, file === plan.path);
      else createFlat(file, extent.sectors);
      made.push(file);
    }
    const descriptor = Descriptor.of({ ...plan, createType, extents });
    if (plan.type === 6) descriptor.set('ddb.thinProvisioned', '1');
    writeDescriptor(plan.path, descriptor);
  } catch (cause) {
    for (const file of made) rmSync(file, { force: true });
    throw cause;
  }
}

function planExtents({ path, sectors, type }: DiskPlan): Extent[] {
  const stem = stemOf(path);
  if (type === 0) return [{ sectors, kind: 'SPARSE', file: `${stem}.vmdk`, offset: 0 }];
  if (type === 2) return [{ sectors, kind: 'FLAT', file: `${stem}-flat.vmdk`, offset: 0 }];
  if (type === 4 || type === 6) return [{ sectors, kind: 'VMFS', file: `${stem}-flat.vmdk`, offset: 0 }];
  const [kind, letter] = type === 1 ? (['SPARSE', 's'] as const) : (['FLAT', 'f'] as const);
  return Array.from({ length: Math.ceil(sectors / SPLIT_SECTORS) }, (_, index) => ({
    sectors: Math.min(SPLIT_SECTORS, sectors - index * SPLIT_SECTORS),
    kind,
    file: `${stem}-${letter}${String(index + 1).padStart(3, '0')}.vmdk`,
    offset: 0,
  }));
}

/** Full length without writing: the file system keeps it sparse. */
function createFlat(path: string, sectors: number): void {
  const file = openSync(path, 'wx');
  try {
    ftruncateSync(file, sectors * SECTOR);
  } finally {
    closeSync(file);
  }
}
