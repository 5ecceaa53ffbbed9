import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Journal } from './journal.ts';

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
