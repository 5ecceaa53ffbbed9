import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { link, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostFiles } from './host-files.ts';

describe('a file of the host', () => {
  let folder: string;
  const files = new HostFiles({ local: true });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-files-'));
    await mkdir(join(folder, 'pool'));
    await writeFile(join(folder, 'pool/a'), 'a');
    await writeFile(join(folder, 'pool/b'), 'a');
    await symlink(join(folder, 'pool'), join(folder, 'pool-link'));
    await symlink('a', join(folder, 'pool/a-link'));
    await link(join(folder, 'pool/a'), join(folder, 'pool/a-hard'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each(['pool/a', './pool//a', 'pool/../pool/a', 'pool-link/a', 'pool/a-link', 'pool-link/a-link', 'pool/a-hard'])(
    'is the same by %s',
    async (spelling) => {
      expect(await files.same(join(folder, 'pool/a'), `${folder}/${spelling}`)).toBe(true);
      expect(await files.same(join(folder, 'pool/b'), `${folder}/${spelling}`)).toBe(false);
    },
  );

  it('is where it would be when it is not there', async () => {
    expect(await files.same(`${folder}/pool/gone`, `${folder}/pool-link/gone`)).toBe(true);
    expect(await files.same(`${folder}/pool/gone`, `${folder}/pool/other`)).toBe(false);
    expect(await files.mayExist(`${folder}/pool/gone`)).toBe(false);
    expect(await files.mayExist(`${folder}/pool/a/below-a-file`)).toBe(false);
    expect(await files.mayExist(`${folder}/pool-link/a`)).toBe(true);
  });

  it('is its path on another machine, where our own files mean nothing', async () => {
    const remote = new HostFiles({ local: false });
    expect(await remote.identity('/pool//x/../a')).toBe('/pool/a');
    expect(await remote.same(`${folder}/pool/a`, `${folder}/pool/a-link`)).toBe(false);
    expect(await remote.mayExist('/pool/gone')).toBe(true);
    expect(await remote.header(`${folder}/pool/a`)).toBe('unreadable');
  });
});
