import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { asCurl } from './copied.ts';

describe('a call that is copied', () => {
  it('is one argument in a shell, whatever is in it', () => {
    const nasty = `a'b"c$(id)\`id\`\\ \n!`;
    const text = asCurl({ method: 'PATCH', path: '/api/v1/vms/x', body: { notes: nasty } }, 'http://x').replace('curl', `printf '%s\\0'`);
    const words = execFileSync('sh', ['-c', text], { encoding: 'utf8' }).split('\0');
    expect(JSON.parse(words[words.indexOf('-d') + 1]!)).toEqual({ notes: nasty });
  });
});
