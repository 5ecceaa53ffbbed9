import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { existsSync, openSync, closeSync, readdirSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DiskImage } from '../disks/disk-image.ts';
import { readDescriptor } from '../disks/disk-file.ts';
import { findQemuImg } from '../disks/qemu-img.ts';
import { GRAIN_BYTES } from '../disks/sparse-extent.ts';
import { Workbench } from '../testing/workbench.ts';

jest.setTimeout(120_000);

// Numbers are the rows of the reference's golden transcripts.
describe('vmware-vdiskmanager', () => {
  let bench: Workbench;
  let disk: string;
  beforeEach(() => {
    bench = new Workbench();
    disk = join(bench.folder, 'd.vmdk');
  });
  afterEach(() => bench.close());

  const create = (path = disk, type = '0', size = '64MB') =>
    bench.vdiskmanager('-c', '-s', size, '-a', 'lsilogic', '-t', type, path);

  it('58: creates a growable disk of about 11 MB for 80 GB', async () => {
    bench.set({ qemuImg: 'never' });
    const { exit, stdout, stderr } = await create(disk, '0', '80GB');
    expect(stdout.split('\r').at(-1)).toBe('  Create: 100% done.\nVirtual disk creation successful.\n');
    expect([exit, stderr]).toEqual([0, '']);
    expect(statSync(disk).size / 2 ** 20).toBeCloseTo(10.1, 0);
    expect(readDescriptor(disk).sectors).toBe(80 * 2 ** 21);
  });

  it.each(['auto', 'never'] as const)('58: makes disks that QEMU reads, qemuImg %s', async (qemuImg) => {
    const qemu = findQemuImg();
    bench.set({ qemuImg });
    const types = {
      0: 'monolithicSparse',
      1: 'twoGbMaxExtentSparse',
      2: 'monolithicFlat',
      3: 'twoGbMaxExtentFlat',
      4: 'vmfs',
      6: 'vmfs',
    };
    for (const [type, createType] of Object.entries(types)) {
      const path = join(bench.folder, `t${type}.vmdk`);
      expect((await create(path, type, '5GB')).exit).toBe(0);
      expect(readDescriptor(path).createType).toBe(createType);
      expect(readDescriptor(path).sectors).toBe(5 * 2 ** 21);
      if (!qemu) continue;
      const facts = JSON.parse(execFileSync(qemu, ['info', '--output=json', path], { encoding: 'utf8' })) as object;
      expect(facts).toMatchObject({ format: 'vmdk', 'virtual-size': 5 * 2 ** 30 });
    }
  });

  it('58: is quiet about progress when asked', async () => {
    const { stdout } = await bench.vdiskmanager('-c', '-q', '-s', '64MB', '-a', 'ide', '-t', '0', disk);
    expect(stdout).toBe('Virtual disk creation successful.\n');
  });

  it('59: does not overwrite a disk', async () => {
    await create();
    const { exit, stdout } = await create();
    expect(exit).toBe(1);
    expect(stdout).toMatch(/^Failed to create disk: The file already exists \(0x[0-9a-f]+\)\.\n$/);
  });

  it.each([
    ['0', 3],
    ['1', 3],
    ['2', 1],
  ])('60: grows a disk of type %s to %d GB and keeps its content', async (type, gibibytes) => {
    await create(disk, type);
    const image = DiskImage.open(disk, { writable: true });
    image.writeGrain(3, Buffer.alloc(GRAIN_BYTES, 'x'));
    image.close();
    const { exit, lines } = await bench.vdiskmanager('-x', `${gibibytes}GB`, disk);
    expect(exit).toBe(0);
    expect(lines[0]!.split('\r').at(-1)).toBe('  Grow: 100% done.');
    expect(lines.slice(1, 4)).toEqual([
      'Disk expansion completed successfully.',
      '',
      'WARNING: If the virtual disk is partitioned, you must use a third-party',
    ]);
    expect(readDescriptor(disk).sectors).toBe(gibibytes * 2 ** 21);
    const found: [number, string][] = [];
    const grown = DiskImage.open(disk);
    grown.eachGrain((index, data) => found.push([index, data.subarray(0, 2).toString()]));
    grown.close();
    expect(found).toEqual([[3, 'xx']]);
    expect(readdirSync(bench.folder).filter((name) => name.includes('grow'))).toEqual([]);
  });

  it('60: does not shrink by growing, and not a disk with snapshots', async () => {
    await create();
    expect((await bench.vdiskmanager('-x', '32MB', disk)).exit).toBe(1);
    const vmx = bench.vm('web');
    await bench.vmrun('snapshot', vmx, 'base');
    expect((await bench.vdiskmanager('-x', '1GB', join(bench.folder, 'web/web-000001.vmdk'))).exit).toBe(1);
  });

  it('61: defragments and shrinks', async () => {
    await create();
    const defragmented = await bench.vdiskmanager('-d', disk);
    expect(defragmented.stdout).toMatch(/Defragment: 100% done\.\nDefragmentation completed successfully\.\n$/);
    const shrunk = await bench.vdiskmanager('-k', disk);
    expect(shrunk.stdout).toMatch(/Shrink: 100% done\.\nShrink completed successfully\.\n$/);
    expect([defragmented.exit, shrunk.exit]).toEqual([0, 0]);
  });

  it('61: does not shrink a child', async () => {
    const vmx = bench.vm('web');
    await bench.vmrun('snapshot', vmx, 'base');
    const { exit, stdout } = await bench.vdiskmanager('-k', join(bench.folder, 'web/web-000001.vmdk'));
    expect(exit).toBe(1);
    expect(stdout).toContain('cannot be shrunk because it is not the parent disk (0x3e89)');
  });

  it('62: asks for a repair of a damaged disk, and repairs it', async () => {
    await create();
    const file = openSync(disk, 'r+');
    writeSync(file, Buffer.from([1]), 0, 1, 72);
    closeSync(file);
    expect(await bench.vdiskmanager('-d', disk)).toMatchObject({
      exit: 1,
      stdout: 'Failed to defragment: The specified virtual disk needs repair (0x3e86).\n',
    });
    expect((await bench.vdiskmanager('-R', disk)).exit).toBe(0);
    expect((await bench.vdiskmanager('-d', disk)).exit).toBe(0);
  });

  it('62: tells what cannot be opened', async () => {
    expect((await bench.vdiskmanager('-d', disk)).stdout).toBe(
      `Failed to open the disk '${disk}' : A file was not found (0x4).\n`,
    );
    writeFileSync(disk, 'no disk');
    expect((await bench.vdiskmanager('-d', disk)).stdout).toContain('is not a virtual disk (0x3ebd)');
  });

  it('62: tells a chain that is broken', async () => {
    const vmx = bench.vm('web');
    await bench.vmrun('snapshot', vmx, 'base');
    await bench.vdiskmanager('-n', join(bench.folder, 'web/web.vmdk'), join(bench.folder, 'web/moved.vmdk'));
    const { exit, stdout } = await bench.vdiskmanager('-e', join(bench.folder, 'web/web-000001.vmdk'));
    expect(exit).toBe(1);
    expect(stdout).toContain('The parent of this virtual disk could not be opened (0x3e8c)');
  });

  it('converts, renames and deletes disks with all their parts', async () => {
    await create(disk, '1');
    const [flat, moved] = [join(bench.folder, 'flat.vmdk'), join(bench.folder, 'moved.vmdk')];
    expect((await bench.vdiskmanager('-r', disk, '-t', '2', flat)).stdout).toContain(
      'Virtual disk conversion successful.',
    );
    expect((await bench.vdiskmanager('-n', flat, moved)).stdout).toBe('Virtual disk rename successful.\n');
    expect(readDescriptor(moved).extents[0]!.file).toBe('moved-flat.vmdk');
    for (const path of [disk, moved]) expect((await bench.vdiskmanager('-U', path)).exit).toBe(0);
    expect(readdirSync(bench.folder).filter((name) => name.endsWith('.vmdk'))).toEqual([]);
  });

  it('prints its usage for an option it does not know', async () => {
    const { exit, lines } = await bench.vdiskmanager('--help');
    expect(lines[0]).toBe('vmware-vdiskmanager: invalid option -- -');
    expect(lines[1]).toBe('VMware Virtual Disk Manager - build 24583834.');
    expect(lines[2]).toBe('Usage: vmware-vdiskmanager OPTIONS <disk-name> | <mount-point>');
    expect(exit).toBe(1);
    expect(existsSync(disk)).toBe(false);
  });
});
