import { describe, expect, it } from '@jest/globals';
import { basename, join, resolve } from 'node:path';
import { folderName, freeName, safeName } from './folder-name.ts';

describe('safeName', () => {
  it.each([
    ['web-1', 'web-1'],
    ['Web Server (new)', 'Web-Server-new'],
    ['büro-é-日本', 'büro-é-日本'],
    ['🚀 launch', '🚀-launch'],
    ['../../etc/passwd', 'etc-passwd'],
    ['..', 'vm'],
    ['.', 'vm'],
    ['', 'vm'],
    ['/', 'vm'],
    ['\\\\server\\share', 'server-share'],
    ['-rf', 'rf'],
    ['.hidden', 'hidden'],
    ['ends with dots...', 'ends-with-dots'],
    ['a\nb\0c\u001b[31m', 'a-b-c-31m'],
    ['$(reboot) `id` "x" \'y\' ; & | < > * ? ! ~ % ^', 'reboot-id-x-y'],
    ['\u202egnp.exe', 'gnp.exe'],
    ['\ud800', 'vm'],
    ['CON', 'vm-CON'],
    ['nul.txt', 'vm-nul.txt'],
    ['COM1', 'vm-COM1'],
    ['console', 'console'],
    ['a:b*c', 'a-b-c'],
  ])('makes %j into %j', (name, safe) => {
    expect(safeName(name)).toBe(safe);
  });

  it('spells a name in one way, however its accents are composed', () => {
    expect(safeName('e\u0301')).toBe('é');
  });

  it('cuts by bytes and between characters', () => {
    expect(Buffer.byteLength(safeName('x'.repeat(500)))).toBe(120);
    expect(safeName('🚀'.repeat(80))).toBe('🚀'.repeat(30));
  });

  it('never leaves the folder it is in, whatever the name', () => {
    const characters = ['.', '/', '\\', ':', '\0', '\n', ' ', '-', 'a', '~', '\u2028', '\u200b', '\ud83d', '🚀', '%'];
    let seed = 1;
    const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    for (let round = 0; round < 5_000; round += 1) {
      const name = Array.from(
        { length: random() * 20 },
        () => characters[Math.floor(random() * characters.length)],
      ).join('');
      const safe = safeName(name);
      expect(safe).not.toBe('');
      expect(basename(resolve(join('/root', safe)))).toBe(safe);
      expect(safe).toMatch(/^[^/\\:*?"<>|\p{C}\s.-](?:[^/\\:*?"<>|\p{C}\s]*[^/\\:*?"<>|\p{C}\s.-])?$/u);
    }
  });
});

describe('folderName', () => {
  it('begins with the day of creation in UTC', () => {
    expect(folderName('2026-11-21T23:30:00-02:00', 'web')).toBe('2026-11-22_web');
  });
});

describe('freeName', () => {
  it('numbers from two on, before the extension', () => {
    const taken = new Set(['a.img', 'a-2.img']);
    expect(freeName('a', (name) => taken.has(name), '.img')).toBe('a-3.img');
    expect(freeName('b', (name) => taken.has(name), '.img')).toBe('b.img');
  });
});
