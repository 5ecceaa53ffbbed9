import { expect, it } from '@jest/globals';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exists, isThere } from './discovery.ts';

it('that something is at a path is known, or it is not told: what cannot be asked is neither there nor gone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'polyvirt-existence-'));
  const at = (name: string) => join(folder, name);
  try {
    await writeFile(at('file'), '');
    // It cannot be followed, by root either.
    await symlink('loop', at('loop'));
    for (const look of [exists, isThere]) {
      expect(await look(at('file'))).toBe(true);
      for (const gone of ['nothing', 'file/below', 'x'.repeat(300), 'NUL \0 in it'])
        expect([gone, await look(at(gone))]).toEqual([gone, false]);
    }
    await expect(exists(at('loop'))).rejects.toMatchObject({ code: 'ELOOP' });
    expect(await isThere(at('loop'))).toBe(true);
  } finally {
    await rm(folder, { recursive: true });
  }
});
