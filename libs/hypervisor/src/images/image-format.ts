import { open } from 'node:fs/promises';
import { ProblemError } from '@polyvirt/contracts';

export type ImageFormat = 'qcow2' | 'vmdk' | 'iso' | 'raw';

/** The first descriptor of a volume, by ECMA-119 and ECMA-167. */
const volumeDescriptorAt = 0x8000;
export const imageHeadBytes = volumeDescriptorAt + 512;
const sectorBytes = 512;

const text = (value: string) => Buffer.from(value, 'latin1');
const bytes = (hex: string) => Buffer.from(hex, 'hex');

const convert = 'Convert it first: qemu-img convert -O qcow2.';
const unpack = 'Unpack it first.';

/** What people give for an image and what is none, by the bytes at an offset, with what to do about it. */
const others: readonly (readonly [offset: number, magic: Buffer, what: string])[] = [
  [0, bytes('1f8b'), `It is compressed by gzip. ${unpack}`],
  [0, bytes('fd377a585a00'), `It is compressed by xz. ${unpack}`],
  [0, bytes('28b52ffd'), `It is compressed by zstd. ${unpack}`],
  [0, text('BZh'), `It is compressed by bzip2. ${unpack}`],
  [0, bytes('504b0304'), `It is a ZIP archive. ${unpack}`],
  [0, bytes('377abcaf271c'), `It is a 7-Zip archive. ${unpack}`],
  [257, text('ustar'), 'It is a tar archive, such as an OVA. Unpack it, and take the disk in it.'],
  [0, text('vhdxfile'), `It is a VHDX disk. ${convert}`],
  [0, text('conectix'), `It is a VHD disk. ${convert}`],
  [0x40, bytes('7f10dabe'), `It is a VDI disk. ${convert}`],
  [0, text('QED\0'), `It is a QED disk. ${convert}`],
  [
    0,
    text('# Disk DescriptorFile'),
    'It is the description of a VMDK disk without the disk. Take one of a single file.',
  ],
];

/**
 * What an image is, by its content: what a file is called on a server says little. A file that is like nothing is the raw
 * content of a disk, if it consists of whole sectors.
 *
 * @throws ProblemError `invalid-input` with what to do for what is no image, or needs other files
 */
export async function imageFormatOf(path: string): Promise<ImageFormat> {
  const { head, size } = await readHead(path);
  return imageFormatIn(head, size);
}

/** The same by the first `imageHeadBytes` of it, or all where it is shorter. The size is not always known beforehand. */
export function imageFormatIn(head: Buffer, size: number | undefined): ImageFormat {
  const has = (offset: number, magic: Buffer) => head.subarray(offset, offset + magic.length).equals(magic);
  if (has(0, bytes('514649fb'))) {
    requireWhole(head);
    return 'qcow2';
  }
  if (has(0, text('KDMV'))) return 'vmdk';
  const other = others.find(([offset, magic]) => has(offset, magic));
  if (other) throw noImage(other[2]);
  if (/^\s*(?:<!doctype html|<html|<\?xml)/i.test(head.toString('latin1', 0, 512)))
    throw noImage('It is a page for a browser. Find the address of the file itself.');
  if (['CD001', 'BEA01', 'NSR02', 'NSR03'].some((magic) => has(volumeDescriptorAt + 1, text(magic)))) return 'iso';
  if (size !== undefined) requireSectors(size);
  return 'raw';
}

/** @throws ProblemError `invalid-input` for what is no raw content of a disk, by its size in bytes */
export function requireSectors(size: number): void {
  if (size === 0 || size % sectorBytes !== 0)
    throw noImage(`It has ${size} bytes, and a disk consists of whole sectors of ${sectorBytes}. Look what it is.`);
}

const noImage = (detail: string) =>
  new ProblemError('invalid-input', `This is no image that a VM can be made from. ${detail} Nothing of it was kept.`, {
    errors: [{ pointer: '/url', detail }],
  });

async function readHead(path: string): Promise<{ head: Buffer; size: number }> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(imageHeadBytes), 0, imageHeadBytes, 0);
    return { head: buffer.subarray(0, bytesRead), size: (await file.stat()).size };
  } finally {
    await file.close();
  }
}

/** A backing file, or a file of its own for the data, would be opened on the host under whatever name the image has for it. */
function requireWhole(head: Buffer): void {
  if (head.length < 80) throw noImage('It is the beginning of a qcow2 disk.');
  const [version, backingAt] = [head.readUInt32BE(4), head.readBigUInt64BE(8)];
  const hasDataFile = version >= 3 && (head.readBigUInt64BE(72) & 4n) !== 0n;
  if (backingAt !== 0n || hasDataFile)
    throw noImage('It is a qcow2 disk that needs another file. Make one file of it: qemu-img convert -O qcow2.');
}
