import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ImageLibrary } from './image-library.ts';
import type { StoragePool } from './storage-pool.ts';

const run = promisify(execFile);

describe('an image', () => {
  let folder: string;
  const uploaded: string[] = [];
  const storage = {
    find: async () => undefined,
    upload: async (name: string, content: AsyncIterable<Uint8Array> | Uint8Array[]) => {
      for await (const part of content) expect(part.length).toBeGreaterThan(0);
      uploaded.push(name);
      return { name };
    },
  } as unknown as StoragePool;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-images-'));
    const create = (name: string, ...options: string[]) =>
      run('qemu-img', ['create', '-q', '-f', 'qcow2', ...options, join(folder, name), '1M']);
    await create('whole.qcow2');
    await create('layer.qcow2', '-b', join(folder, 'whole.qcow2'), '-F', 'qcow2');
    await create('split.qcow2', '-o', `data_file=${join(folder, 'split.data')}`);
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('that needs another file is not taken in without it, and says which', async () => {
    const images = new ImageLibrary(storage, folder);
    await expect(images.volumeOf('layer', 'disk')).rejects.toThrow(join(folder, 'whole.qcow2'));
    await expect(images.volumeOf('split', 'disk')).rejects.toThrow(join(folder, 'split.data'));
    expect(uploaded).toEqual([]);
    expect(await images.volumeOf('whole', 'disk')).toBeDefined();
  });
});
