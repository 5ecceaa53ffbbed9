import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Journal } from './journal.ts';
import type { ContainerRecord } from './records.ts';
import { Store } from './store.ts';

const container = (uuid: string, capacityBytes = 0): ContainerRecord => ({
  uuid,
  name: uuid,
  clusterUuid: 'c',
  capacityBytes,
});

describe('the store', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'store-'));
    path = join(folder, 'journal.jsonl');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is the same after it was opened again, removals too', () => {
    const store = new Store(new Journal(path));
    store.commit([
      ['container', 'a', container('a')],
      ['container', 'b', container('b')],
    ]);
    store.commit([['container', 'a', null]]);
    store.close();
    const again = new Store(new Journal(path));
    expect(again.all('container')).toEqual([container('b')]);
    again.close();
  });

  it('writes all changes of a transaction in one line', () => {
    const store = new Store(new Journal(path));
    store.commit([
      ['container', 'a', container('a')],
      ['container', 'b', container('b')],
    ]);
    store.close();
    expect(readFileSync(path, 'utf8').trim().split('\n')).toHaveLength(1);
  });

  it('tells followers what is there, then what changes', () => {
    const store = new Store(new Journal(path));
    store.commit([['container', 'a', container('a')]]);
    const heard: unknown[] = [];
    store.follow('container', (before, after) => heard.push([before?.uuid, after?.uuid]));
    store.commit([['container', 'b', container('b')]]);
    store.commit([['container', 'b', null]]);
    store.close();
    expect(heard).toEqual([
      [undefined, 'a'],
      [undefined, 'b'],
      ['b', undefined],
    ]);
  });

  it('rewrites a journal that says the same things too often', () => {
    const store = new Store(new Journal(path));
    let largest = 0;
    let rewritten = false;
    for (let i = 0; i < 6000 && !rewritten; i++) {
      store.commit([['container', 'a', container('a', i)]]);
      const { size } = statSync(path);
      rewritten = size < largest;
      largest = Math.max(largest, size);
    }
    store.close();
    expect(rewritten).toBe(true);
    const again = new Store(new Journal(path));
    expect(again.get('container', 'a')?.capacityBytes).toBeGreaterThan(4000);
    again.close();
  });
});
