import { describe, expect, it } from '@jest/globals';
import { cpio } from './cpio.ts';

describe('cpio', () => {
  const archive = cpio([
    { path: 'dev', kind: 'directory' },
    { path: 'dev/console', kind: 'device', major: 5, minor: 1 },
    { path: 'init', kind: 'file', content: Buffer.from('hello'), executable: true },
    { path: 'sh', kind: 'link', target: 'busybox' },
  ]);
  const field = (record: number, index: number) =>
    Number.parseInt(archive.toString('ascii', record + 6 + 8 * index, record + 14 + 8 * index), 16);
  const recordOf = (path: string) => archive.indexOf(`${path}\0`) - 110;

  it('begins every record with the magic number, at a multiple of four', () => {
    for (const path of ['dev', 'dev/console', 'init', 'sh', 'TRAILER!!!']) {
      expect(recordOf(path) % 4).toBe(0);
      expect(archive.toString('ascii', recordOf(path), recordOf(path) + 6)).toBe('070701');
    }
    expect(archive.length % 4).toBe(0);
  });

  it('keeps content and mode of a file', () => {
    const record = recordOf('init');
    expect(field(record, 1)).toBe(0o100755);
    expect(field(record, 6)).toBe(5);
    expect(archive.includes('hello')).toBe(true);
  });

  it('makes a device without one being there', () => {
    const record = recordOf('dev/console');
    expect(field(record, 1)).toBe(0o020600);
    expect([field(record, 9), field(record, 10)]).toEqual([5, 1]);
  });

  it('keeps the target of a link', () => {
    expect(field(recordOf('sh'), 1)).toBe(0o120777);
    expect(field(recordOf('sh'), 6)).toBe('busybox'.length);
  });
});
