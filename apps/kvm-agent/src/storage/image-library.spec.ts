import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ImageLibrary } from './image-library.ts';
import type { StoragePool } from './storage-pool.ts';

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'polyvirt-images-'))));
afterEach(() => rm(folder, { recursive: true }));

it('a medium keeps its name while the folder cannot be read, and loses it when its file is gone', async () => {
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

it('a link that leads nowhere keeps no other image from being listed', async () => {
  await symlink(join(folder, 'nothing'), join(folder, 'a.iso'));
  await symlink('b.iso', join(folder, 'b.iso'));
  await writeFile(join(folder, 'c.iso'), 'x');
  expect(await new ImageLibrary({} as StoragePool, folder).list()).toMatchObject([{ name: 'c' }]);
});
