import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { backingChain, UnseenBelowError } from './backing-chain.ts';
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
    const of = (format: string, name: string, ...options: string[]) =>
      run('qemu-img', ['create', '-q', '-f', format, ...options, join(folder, name), '1M']);
    await of('qed', 'middle.qed', '-b', join(folder, 'base'), '-F', 'qcow2');
    await create('over-qed', '-b', join(folder, 'middle.qed'), '-F', 'qed');
    await of('vmdk', 'base.vmdk', '-o', 'subformat=monolithicFlat');
    await of('vmdk', 'middle.vmdk', '-b', join(folder, 'base.vmdk'), '-F', 'vmdk');
    await create('over-vmdk', '-b', 'middle.vmdk', '-F', 'vmdk');
    await of('qcow', 'old', '-b', join(folder, 'base'), '-F', 'qcow2');
    const nodes = {
      driver: 'qcow2',
      file: { driver: 'file', filename: 'old' },
      backing: { driver: 'raw', file: { driver: 'file', filename: join(folder, 'half') } },
    };
    await create('over-nodes', '-u', '-b', `json:${JSON.stringify(nodes)}`, '-F', 'qcow2');
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
    ['over-qed', ['over-qed', 'middle.qed', 'base']],
    ['over-vmdk', ['over-vmdk', 'middle.vmdk', 'base.vmdk', 'base-flat.vmdk']],
    ['over-nodes', ['over-nodes', 'old', 'half', 'base']],
    ['deep', ['deep']],
    ['circle', ['circle', 'half']],
    ['short', ['short']],
    ['none', ['none']],
  ])('%s: %j', async (name, links) => {
    expect(await chain(name)).toEqual(links);
  });

  it('are as many as can be seen when a file cannot be read, and then it says so', async () => {
    const remote = { files: new HostFiles({ local: false }), at: async () => undefined } as unknown as StoragePool;
    const links: string[] = [];
    const reading = (async () => {
      for await (const { path } of backingChain(remote, { path: '/pool/a', format: 'qcow2' })) links.push(path);
    })();
    await expect(reading).rejects.toThrow(UnseenBelowError);
    expect(links).toEqual(['/pool/a']);
  });

  it('are not looked for in what a guest has written into a raw disk, or into a raw base', async () => {
    expect(await chain('deep/top', 'raw')).toEqual(['deep/top']);
    expect(await chain('over-raw')).toEqual(['over-raw', 'base']);
  });
});
