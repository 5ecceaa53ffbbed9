import { open, type FileHandle } from 'node:fs/promises';
import { readQcow2Header } from './qcow2-header.ts';

/** What an image file says it needs beside itself, in the words of its format. */
export interface NameBelow {
  /** Absolute, relative to the file, or of a protocol of QEMU. */
  readonly name: string;
  /** As the file says it; undefined leaves it to whoever reads what is below. */
  readonly format: string | undefined;
}

/** "QED\0". https://www.qemu.org/docs/master/interop/qed_spec.html */
const QED = 0x00444551;
const QED_HAS_BACKING = 1n;
const QED_BACKING_IS_RAW = 4n;
/** "KDMV", the header of a VMDK that holds its descriptor; other descriptors are files of their own. */
const SPARSE_VMDK = 0x564d444b;
const DESCRIPTOR = /^# *Disk DescriptorFile/i;
const SECTOR = 512;
/** As far as QEMU reads a descriptor. */
const LONGEST_DESCRIPTOR = 2 ** 20;
const LONGEST_NAME = 1023;

/**
 * The files that QEMU opens with an image, be it qcow2, QED or VMDK: what is below it, and where its data is. None for a raw
 * file, and for what is no file. Rejects if it cannot be read.
 */
export async function readNamesBelow(path: string): Promise<NameBelow[]> {
  const file = await open(path);
  try {
    const stats = await file.stat();
    if (!stats.isFile() && !stats.isBlockDevice()) return [];
    const start = await read(file, 0, SECTOR);
    if (start.length >= 68 && start.readUInt32LE(0) === QED) return await qedNames(file, start);
    if (start.length >= 44 && start.readUInt32LE(0) === SPARSE_VMDK) return await sparseVmdkNames(file, start);
    if (DESCRIPTOR.test(start.toString('latin1'))) return descriptorNames(await read(file, 0, LONGEST_DESCRIPTOR));
  } finally {
    await file.close();
  }
  const header = await readQcow2Header(path);
  return [
    ...(header?.dataFile === undefined ? [] : [{ name: header.dataFile, format: 'raw' }]),
    ...(header?.backing === undefined ? [] : [{ name: header.backing, format: header.backingFormat }]),
  ];
}

async function read(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

async function qedNames(file: FileHandle, start: Buffer): Promise<NameBelow[]> {
  const features = start.readBigUInt64LE(16);
  const length = start.readUInt32LE(60);
  if (!(features & QED_HAS_BACKING) || length === 0 || length > LONGEST_NAME) return [];
  const name = (await read(file, start.readUInt32LE(56), length)).toString();
  return [{ name, format: features & QED_BACKING_IS_RAW ? 'raw' : undefined }];
}

async function sparseVmdkNames(file: FileHandle, start: Buffer): Promise<NameBelow[]> {
  const [sector, sectors] = [Number(start.readBigUInt64LE(28)), Number(start.readBigUInt64LE(36))];
  return sector === 0 || sectors === 0
    ? []
    : descriptorNames(await read(file, sector * SECTOR, Math.min(sectors * SECTOR, LONGEST_DESCRIPTOR)));
}

/** The parent by its hint, and the extents; that of a file which holds its descriptor is the file itself. */
function descriptorNames(bytes: Buffer): NameBelow[] {
  const text = bytes.toString().replaceAll('\0', '');
  const extents = [...text.matchAll(/^\s*(?:RW|RDONLY)\s+\d+\s+(\w+)\s+"([^"]+)"/gm)].map(([, kind, name]) => ({
    name: name!,
    format: kind === 'SPARSE' ? 'vmdk' : 'raw',
  }));
  const parent = /^\s*parentFileNameHint\s*=\s*"([^"]+)"/m.exec(text)?.[1];
  return [...extents, ...(parent === undefined ? [] : [{ name: parent, format: undefined }])];
}
