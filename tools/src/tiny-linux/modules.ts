import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** The drivers that the image carries, by module name; what they depend on comes along. */
export const DRIVERS = [
  'virtio_pci',
  'virtio_net',
  'virtio_blk',
  'virtio_scsi',
  'virtio_balloon',
  'virtio_console',
  'virtio_rng',
  'vmxnet3',
  'vmw_pvscsi',
  'ata_piix',
  'ata_generic',
  'sd_mod',
  'sr_mod',
  'isofs',
  'vfat',
  'nls_cp437',
  'nls_ascii',
  'button',
  'evdev',
];

/** The files of these modules and of all they need, from the `modules.dep` in `folder`, as paths below it. Modules built into the kernel have none. */
export async function moduleFiles(folder: string, names: readonly string[]): Promise<string[]> {
  const needs = new Map<string, string[]>();
  const pathOf = new Map<string, string>();
  for (const line of (await readFile(join(folder, 'modules.dep'), 'utf8')).split('\n')) {
    const [path, list] = line.split(':');
    if (!path || list === undefined) continue;
    needs.set(path, list.split(' ').filter(Boolean));
    pathOf.set(moduleName(path), path);
  }
  const builtIn = new Set((await readFile(join(folder, 'modules.builtin'), 'utf8')).split('\n').map(moduleName));

  const files = new Set<string>();
  const add = (path: string) => {
    if (files.has(path)) return;
    files.add(path);
    for (const needed of needs.get(path) ?? []) add(needed);
  };
  for (const name of names) {
    const path = pathOf.get(name);
    if (path !== undefined) add(path);
    else if (!builtIn.has(name)) throw new Error(`the kernel has no module ${name}`);
  }
  return [...files].sort();
}

/** File names use dashes and underscores as it pleases their authors; the kernel takes them as the same. */
function moduleName(path: string): string {
  return basename(path)
    .replace(/\.ko(\.(xz|zst|gz))?$/, '')
    .replaceAll('-', '_');
}
