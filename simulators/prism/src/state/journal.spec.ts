import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Journal, NotWritten } from './journal.ts';

describe('the journal', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'journal-'));
    path = join(folder, 'deep', 'journal.jsonl');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('reads back what was appended', () => {
    const journal = new Journal(path);
    journal.append({ a: 1 });
    journal.append({ b: 'ü\n' });
    journal.close();
    expect(new Journal(path).read()).toEqual([{ a: 1 }, { b: 'ü\n' }]);
  });

  it('drops a torn last line, and goes on behind the last whole one', () => {
    const journal = new Journal(path);
    journal.append({ a: 'ü' });
    journal.close();
    appendFileSync(path, '{"half":');
    const reopened = new Journal(path);
    expect(reopened.read()).toEqual([{ a: 'ü' }]);
    reopened.append({ c: 1 });
    reopened.close();
    expect(new Journal(path).read()).toEqual([{ a: 'ü' }, { c: 1 }]);
  });

  it('takes damage before the last line for damage', () => {
    const journal = new Journal(path);
    journal.append({ a: 1 });
    journal.close();
    appendFileSync(path, 'nonsense\n{"b":1}\n');
    expect(() => new Journal(path).read()).toThrow(SyntaxError);
  });

  describe('on a disk that becomes full', () => {
    let left: number;
    const write = ((file: number, bytes: Uint8Array, at: number) => {
      const count = Math.min(left, bytes.length - at);
      if (count === 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      left -= count;
      return writeSync(file, bytes, at, count);
    }) as typeof writeSync;

    it('keeps nothing of a line that had no room, and goes on behind the last whole one', () => {
      left = 20;
      const journal = new Journal(path, write);
      journal.append({ a: 1 });
      for (let count = 0; count < 2; count++) {
        expect(() => journal.append({ b: 'x'.repeat(30) })).toThrow(NotWritten);
        expect(new Journal(path).read()).toEqual([{ a: 1 }]);
      }
      left = 100;
      journal.append({ c: 1 });
      journal.close();
      expect(new Journal(path).read()).toEqual([{ a: 1 }, { c: 1 }]);
    });

    it('stays as long as it is', () => {
      left = 100;
      const journal = new Journal(path, write);
      for (const entry of [{ a: 1 }, { a: 2 }]) journal.append(entry);
      left = 5;
      journal.rewrite([{ a: 2 }]);
      left = 100;
      journal.append({ a: 3 });
      journal.close();
      expect(new Journal(path).read()).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }]);
      expect(readdirSync(dirname(path))).toHaveLength(1);
    });
  });

  it('is replaced as a whole', () => {
    const journal = new Journal(path);
    for (let i = 0; i < 10; i++) journal.append({ i });
    journal.rewrite([{ only: 1 }]);
    journal.append({ then: 2 });
    journal.close();
    expect(readFileSync(path, 'utf8')).toBe('{"only":1}\n{"then":2}\n');
    expect(journal.length).toBe(2);
  });
});
