import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { run } from '@polyvirt/tools';

const SECTOR = 512;
/** Of the first partition, in the table of them. */
const [firstSectorAt, sectorsAt] = [446 + 8, 446 + 12];

/** Makes a CD-ROM image that UEFI firmware boots a disk of one FAT partition from; answers its path. */
export async function bootableIso(image: string, folder: string): Promise<string> {
  const root = join(folder, 'root');
  await mkdir(root, { recursive: true });
  const [disk, iso] = [join(folder, 'disk.raw'), join(folder, 'boot.iso')];
  await run('qemu-img', ['convert', '-O', 'raw', image, disk]);
  const { start, end } = await partitionOf(disk);
  await pipeline(createReadStream(disk, { start, end }), createWriteStream(join(root, 'efi.img')));
  await run('xorriso', ['-as', 'mkisofs', '-quiet', '-e', 'efi.img', '-no-emul-boot', '-o', iso, root]);
  await rm(root, { recursive: true });
  await rm(disk);
  return iso;
}

/** Its first byte and its last. */
async function partitionOf(disk: string): Promise<{ start: number; end: number }> {
  const handle = await open(disk);
  try {
    const table = Buffer.alloc(SECTOR);
    await handle.read(table, 0, SECTOR, 0);
    const start = table.readUInt32LE(firstSectorAt) * SECTOR;
    return { start, end: start + table.readUInt32LE(sectorsAt) * SECTOR - 1 };
  } finally {
    await handle.close();
  }
}
