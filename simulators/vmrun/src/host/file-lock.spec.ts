import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockHolder, tryLock, withFileLock } from './file-lock.ts';

const NOBODY = 2 ** 22 + 1;

describe('file locks', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'locks-'));
    path = join(folder, 'lock');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('are taken once, with pid and note, and leave nothing else behind', () => {
    expect(tryLock(path, 'stop')).toBe(true);
    expect(tryLock(path, 'start')).toBe(false);
    expect(lockHolder(path)).toEqual({ pid: process.pid, note: 'stop' });
    expect(readdirSync(folder)).toEqual(['lock']);
  });

  it.each([`${NOBODY}\n`, ''])('of the dead do not count: %j', (content) => {
    writeFileSync(path, content);
    expect(tryLock(path)).toBe(true);
  });

  it('are released whatever happens', () => {
    expect(() =>
      withFileLock(path, () => {
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(withFileLock(path, () => 7)).toBe(7);
    expect(readdirSync(folder)).toEqual([]);
  });
});
