import { watch } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
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

  it('are not told of what is hidden, until it gets its name', async () => {
    const changes = follow(parent);
    await changes.next();
    let told = 0;
    const next = changes.next().then(() => (told += 1));
    const hidden = join(parent, '.image.part');
    await writeFile(hidden, 'a');
    await writeFile(hidden, 'ab');
    // Another watcher of the same folder, begun later, has seen all of it by then.
    const seen = Promise.withResolvers<void>();
    const witness = watch(parent, (_, name) => {
      if (name === '.last') seen.resolve();
    });
    await writeFile(join(parent, '.last'), '');
    await seen.promise;
    witness.close();
    expect(told).toBe(0);
    await rename(hidden, join(parent, 'image.iso'));
    await next;
    expect(told).toBe(1);
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
