import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { launcher } from './launcher.ts';

describe('what starts a packed program', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'polyvirt-launcher-'));
    writeFileSync(
      join(folder, 'main.mjs'),
      'console.log(JSON.stringify([process.execPath, ...process.argv.slice(2)])); process.exit(7);',
    );
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const launch = (oldest: readonly [number, number]) => {
    const program = join(folder, 'program.mjs');
    writeFileSync(program, launcher('program', oldest));
    return spawnSync(process.execPath, [program, 'a b', '--c'], { encoding: 'utf8' });
  };

  it('runs it on this Node.js where that is new enough', () => {
    const { status, stdout } = launch([20, 0]);
    expect([status, JSON.parse(stdout)]).toEqual([7, [process.execPath, 'a b', '--c']]);
  });

  it('runs it on the Node.js that came along where this one is too old', () => {
    const own = join(folder, 'node_modules/node');
    mkdirSync(join(own, 'bin'), { recursive: true });
    writeFileSync(join(own, 'package.json'), '{"name":"node"}');
    symlinkSync(process.execPath, join(own, 'bin/node'));
    const { status, stdout } = launch([999, 0]);
    expect([status, JSON.parse(stdout).slice(1)]).toEqual([7, ['a b', '--c']]);
  });

  it('says what is missing where there is none', () => {
    const { status, stderr } = launch([999, 0]);
    expect([status, stderr]).toEqual([1, expect.stringContaining('program needs Node.js 999.0 or newer')]);
  });
});
