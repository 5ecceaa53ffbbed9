import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { replaceFile } from './replace-file.ts';
import { Instance } from './start/instance.ts';
import { writeRunFile } from './start/run-file.ts';
import { Secrets } from './start/secrets.ts';

describe('a file that is replaced', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-replace-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('has the new content', async () => {
    for (const content of ['one', 'two']) await replaceFile(join(folder, 'a'), content);
    expect(await readFile(join(folder, 'a'), 'utf8')).toBe('two');
    expect(await readdir(folder)).toEqual(['a']);
  });

  const record = { ...{ url: 'http://here', username: 'admin', token: 'pv_x', natsUrl: 'nats://here' }, processes: {} };
  it.each<[string, (path: string) => Promise<unknown>]>([
    ['any', (path) => replaceFile(path, 'x')],
    ['the run file', (path) => writeRunFile(path, record)],
    ['a secret', async () => (await Secrets.open(folder)).put('name', 'x')],
  ])('leaves nothing beside it when it cannot be written: %s', async (_, write) => {
    const path = join(folder, 'name');
    // No file can be put in its place.
    await mkdir(join(path, 'inside'), { recursive: true });
    await expect(write(path)).rejects.toThrow();
    expect(await readdir(folder)).toEqual(['name']);
  });

  it('leaves nothing beside it when it cannot be written: what a start writes down', async () => {
    const path = join(folder, 'name');
    const instance = await Instance.take(path, () => undefined);
    await rm(path);
    await mkdir(join(path, 'inside'), { recursive: true });
    await expect(instance.noteLibvirt()).rejects.toThrow();
    expect(await readdir(folder)).toEqual(['name']);
  });
});
