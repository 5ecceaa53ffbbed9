import { expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hasProcessFiles, isAlive } from './processes.ts';

it('counts no process as alive that has ended, even while nobody has asked how', async () => {
  if (!hasProcessFiles) return;
  // The shell leaves its child unasked for.
  const shell = spawn('/bin/sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const [line] = (await once(shell.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(isAlive(pid)).toBe(false);
    expect(isAlive(process.pid)).toBe(true);
  } finally {
    shell.kill();
  }
});
