import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { backingChain } from './backing-chain.ts';
import { HostFiles } from './host-files.ts';
import type { StoragePool } from './storage-pool.ts';

const run = promisify(execFile);

describe('the files of a disk', () => {
  let folder: string;
  const storage = {
    files: new HostFiles({ local: true }),
    at: async () => undefined,
  } as unknown as StoragePool;
  const chain = async (name: string, format = 'qcow2') => {
    const links: string[] = [];
    for await (const { path } of backingChain(storage, { path: join(folder, name), format })) links.push(path);
    return links.map((path) => path.slice(folder.length + 1));
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-chain-'));
    await mkdir(join(folder, 'deep'));
    const create = (name: string, ...options: string[]) =>
      run('qemu-img', ['create', '-q', '-f', 'qcow2', ...options, join(folder, name), '1M']);
    await create('base');
    await create('middle', '-b', join(folder, 'base'), '-F', 'qcow2');
    await create('deep/top', '-b', '../middle', '-F', 'qcow2');
    await create('over-raw', '-b', join(folder, 'base'), '-F', 'raw');
    await create('with-data', '-o', `data_file=${join(folder, 'data')},data_file_raw=on`);
    await create('on-the-net', '-u', '-b', 'nbd://127.0.0.1/none', '-F', 'raw');
    await create('circle');
    await create('half', '-b', join(folder, 'circle'), '-F', 'qcow2');
    await run('qemu-img', ['rebase', '-u', '-b', join(folder, 'half'), '-F', 'qcow2', join(folder, 'circle')]);
    await symlink(join(folder, 'deep/top'), join(folder, 'link'));
    await writeFile(join(folder, 'short'), 'QFI');
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each([
    ['base', ['base']],
    ['deep/top', ['deep/top', 'middle', 'base']],
    ['with-data', ['with-data', 'data']],
    ['on-the-net', ['on-the-net']],
    ['circle', ['circle', 'half']],
    ['short', ['short']],
    ['none', ['none']],
  ])('%s: %j', async (name, links) => {
    expect(await chain(name)).toEqual(links);
  });

  it('are not looked for in what a guest has written into a raw disk, or into a raw base', async () => {
    expect(await chain('deep/top', 'raw')).toEqual(['deep/top']);
    expect(await chain('over-raw')).toEqual(['over-raw', 'base']);
  });
});
