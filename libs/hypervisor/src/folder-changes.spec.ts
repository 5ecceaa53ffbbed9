import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, describe, it } from '@jest/globals';
import { folderChanges } from './folder-changes.ts';

describe('the changes of a folder', () => {
  let parent: string;
  let end: AbortController;
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'folder-changes-'));
    end = new AbortController();
  });
  afterEach(async () => {
    end.abort();
    await rm(parent, { recursive: true, force: true });
  });

  const follow = (folder: string) => folderChanges(folder, end.signal, { retryMs: 10 });

  it('are told of what is there, of each file that comes or goes, and end with the signal', async () => {
    const changes = follow(parent);
    expect((await changes.next()).done).toBe(false);
    const next = changes.next();
    await writeFile(join(parent, 'a.iso'), 'a');
    expect((await next).done).toBe(false);
    await rm(join(parent, 'a.iso'));
    expect((await changes.next()).done).toBe(false);
    end.abort();
    let rest = await changes.next();
    if (rest.done !== true) rest = await changes.next();
    expect(rest.done).toBe(true);
  });

  it('are told of a folder that comes late, goes and comes again', async () => {
    const folder = join(parent, 'images');
    const changes = follow(folder);
    const first = changes.next();
    await mkdir(folder);
    expect((await first).done).toBe(false);
    for (const name of ['a', 'b']) {
      const gone = changes.next();
      await rm(folder, { recursive: true });
      expect((await gone).done).toBe(false);
      await mkdir(folder);
      await writeFile(join(folder, name), name);
      expect((await changes.next()).done).toBe(false);
    }
  });
});
