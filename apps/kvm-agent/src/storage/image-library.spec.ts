import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectProblem } from '@polyvirt/hypervisor/testing';
import { ImageLibrary } from './image-library.ts';
import type { StoragePool } from './storage-pool.ts';

describe('the images of a folder', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'images-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it.each<[string, (path: string) => void]>([
    ['leads nowhere', (path) => symlinkSync('/nonexistent/odd.qcow2', path)],
    ['leads to itself', (path) => symlinkSync('odd.qcow2', path)],
    ['is a folder', (path) => mkdirSync(path)],
    ['the disk fails to read', (path) => symlinkSync('/proc/self/mem', path)],
  ])('are all there beside one that %s', async (_, spoil) => {
    writeFileSync(join(folder, 'good.img'), 'x'.repeat(2 ** 20));
    spoil(join(folder, 'odd.qcow2'));
    const library = new ImageLibrary({} as StoragePool, folder);
    expect((await library.list()).map(({ name }) => name)).toEqual(['good']);
    expect(await library.require('good', 'disk', '/disks/0/image')).toMatchObject({ bytes: 2 ** 20 });
  });

  it('are refused with a reason where they cannot be read', async () => {
    symlinkSync('/proc/self/mem', join(folder, 'odd.qcow2'));
    const asked = new ImageLibrary({} as StoragePool, folder).require('odd', 'disk', '/disks/0/image');
    expect((await expectProblem('host-rejected', asked)).message).toMatch(/"odd" cannot be read: EIO/);
  });

  it('keep the name of a medium while the folder cannot be read, and not when its file is gone', async () => {
    const [images, aside] = [join(folder, 'images'), join(folder, 'aside')];
    await mkdir(images);
    const path = join(images, 'rescue.iso');
    await writeFile(path, 'x');
    const library = new ImageLibrary({} as StoragePool, images);
    expect(await library.nameOf(path)).toBe('rescue');
    await rename(images, aside);
    await writeFile(images, 'no folder');
    await expect(library.list()).rejects.toThrow('cannot be read');
    expect(await library.nameOf(path)).toBe('rescue');
    await rm(images);
    await rename(aside, images);
    await rm(path);
    expect(await library.nameOf(path)).toBe(path);
  });
});
