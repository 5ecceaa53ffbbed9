import { open, readFile, writeFile } from 'node:fs/promises';
import { run } from '../machine/command.ts';

const MIB = 1024 * 1024;
const SECTOR = 512;
const EFI_SYSTEM = 0xef;
const ACTIVE = 0x80;

/** A file on the disk. */
export interface DiskFile {
  /** Where it lies, with `/` between folders: `EFI/BOOT/BOOTX64.EFI`. */
  path: string;
  /** The file on this machine. */
  source: string;
}

/** Where the unpacked packages of mtools and SYSLINUX are. */
export interface DiskTools {
  /** The root of the unpacked packages. */
  root: string;
  /** How to find their programs. */
  env: NodeJS.ProcessEnv;
}

/**
 * Writes a raw disk with one FAT partition that a BIOS boots through SYSLINUX and UEFI reads as its system partition. No
 * mount, loop device or root is involved.
 */
export async function writeDisk(
  image: string,
  sizeMiB: number,
  files: readonly DiskFile[],
  tools: DiskTools,
): Promise<void> {
  const start = MIB;
  const length = (sizeMiB - 1) * MIB;
  await writeFile(image, '');
  const handle = await open(image, 'r+');
  try {
    await handle.truncate(sizeMiB * MIB);
    await handle.write(await masterBootRecord(tools, start / SECTOR, length / SECTOR), 0, null, 0);
  } finally {
    await handle.close();
  }

  const { env } = tools;
  const partition = `${image}@@${start}`;
  const heads = 16;
  const sectorsPerTrack = 63;
  await run(
    'mformat',
    [
      ...['-i', partition, '-T', String(length / SECTOR), '-h', String(heads), '-s', String(sectorsPerTrack)],
      // The loader finds itself by the number of sectors before the partition.
      ...['-H', String(start / SECTOR), '-v', 'TINYLINUX', '::'],
    ],
    { env },
  );
  const folders = new Set<string>();
  for (const { path } of files) {
    const parts = path.split('/').slice(0, -1);
    for (let depth = 1; depth <= parts.length; depth++) folders.add(parts.slice(0, depth).join('/'));
  }
  for (const folder of folders) await run('mmd', ['-i', partition, `::/${folder}`], { env });
  for (const { path, source } of files) await run('mcopy', ['-i', partition, source, `::/${path}`], { env });
  await run('syslinux', ['--install', '--offset', String(start), image], { env });
}

/** SYSLINUX's boot code, and a partition table with one active partition. */
async function masterBootRecord(tools: DiskTools, firstSector: number, sectors: number): Promise<Buffer> {
  const code = await readFile(`${tools.root}/usr/lib/syslinux/mbr/mbr.bin`);
  const record = Buffer.alloc(SECTOR);
  code.copy(record);
  const entry = 446;
  record.writeUInt8(ACTIVE, entry);
  // Cylinder, head and sector are long obsolete; this value says "see the sector numbers".
  record.set([0xfe, 0xff, 0xff], entry + 1);
  record.writeUInt8(EFI_SYSTEM, entry + 4);
  record.set([0xfe, 0xff, 0xff], entry + 5);
  record.writeUInt32LE(firstSector, entry + 8);
  record.writeUInt32LE(sectors, entry + 12);
  record.writeUInt16LE(0xaa55, 510);
  return record;
}
