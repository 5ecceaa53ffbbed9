import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secrets } from './secrets.ts';

describe('Secrets', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-secrets-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('makes a secret once and keeps it to its owner', async () => {
    const secrets = await Secrets.open(join(folder, 'secrets'));
    const first = await secrets.get('a');
    expect(first.length).toBeGreaterThanOrEqual(32);
    expect(await secrets.get('a')).toBe(first);
    expect(await secrets.get('b')).not.toBe(first);
    expect((await stat(secrets.fileOf('a'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'secrets'))).mode & 0o777).toBe(0o700);
  });

  it('does not take an empty file for a secret', async () => {
    const secrets = await Secrets.open(folder);
    await writeFile(secrets.fileOf('a'), '\n');
    await expect(secrets.get('a')).rejects.toThrow('is empty');
  });

  it('is renewed, and the last ones are known for as long as they are not deleted', async () => {
    const secrets = await Secrets.open(folder);
    expect(await secrets.getFormer('a')).toEqual([]);
    const known = [await secrets.get('a')];
    for (let count = 0; count < 4; count++) {
      await secrets.renew('a');
      known.unshift(await secrets.get('a'));
      expect(await secrets.getFormer('a')).toEqual(known.slice(1, 4));
    }
    expect(new Set(known).size).toBe(5);
    for (const name of ['a', 'a-former']) expect((await stat(secrets.fileOf(name))).mode & 0o777).toBe(0o600);
    await rm(secrets.fileOf('a-former'));
    expect(await secrets.getFormer('a')).toEqual([]);
  });

  it('is shown once', async () => {
    const secrets = await Secrets.open(folder);
    expect(await secrets.isFirstShowing('a')).toBe(true);
    expect(await secrets.isFirstShowing('a')).toBe(false);
    expect(await secrets.isFirstShowing('b')).toBe(true);
  });
});
