import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '@polyvirt/tools';

/** Where the one partition of tiny-linux begins. */
const partitionAt = 2 ** 20;

/** Makes a CD-ROM image that UEFI firmware boots tiny-linux from; answers its path. */
export async function bootableIso(tinyLinux: string, folder: string): Promise<string> {
  const root = join(folder, 'root');
  await mkdir(root, { recursive: true });
  const [disk, system, iso] = [join(folder, 'disk.raw'), join(root, 'efi.img'), join(folder, 'boot.iso')];
  await run('qemu-img', ['convert', '-O', 'raw', tinyLinux, disk]);
  const source = await open(disk);
  try {
    const target = await open(system, 'w');
    try {
      const { size } = await source.stat();
      const content = Buffer.alloc(size - partitionAt);
      await source.read(content, 0, content.length, partitionAt);
      await target.writeFile(content);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
  await run('xorriso', ['-as', 'mkisofs', '-quiet', '-e', 'efi.img', '-no-emul-boot', '-o', iso, root]);
  await rm(root, { recursive: true });
  await rm(disk);
  return iso;
}
