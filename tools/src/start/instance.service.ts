import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identityOf } from '../machine/process-identity.ts';
import { AlreadyRunning, Instance } from './instance.ts';

describe('Instance', () => {
  let folder: string;
  let file: string;
  const lines: string[] = [];
  const take = () => Instance.take(file, (line) => lines.push(line));

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-instance-'));
    file = join(folder, 'instance.json');
    lines.length = 0;
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is held by one process, until it lets go', async () => {
    const instance = await take();
    await expect(take()).rejects.toThrow(AlreadyRunning);
    await expect(take()).rejects.toThrow(`process ${process.pid}`);
    await instance.release();
    await (await take()).release();
    expect(await readdir(folder)).toEqual([]);
  });

  it('ends what a killed supervisor has left, and knows that it had started libvirt', async () => {
    const orphan = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    const ended = new Promise((resolve) => orphan.once('exit', (_code, signal) => resolve(signal)));
    const identity = identityOf(orphan.pid!)!;
    await writeFile(
      file,
      JSON.stringify({
        supervisor: { ...identityOf(process.pid), startedAt: '1' },
        processes: [{ name: 'gateway', ...identity }],
        ownsLibvirt: true,
      }),
    );
    const instance = await take();
    expect(await ended).toBe('SIGTERM');
    expect(lines).toEqual([expect.stringContaining(`ending gateway (process ${orphan.pid})`)]);
    expect(instance.ownsLibvirt).toBe(true);
    await instance.release();
  });

  it('leaves a process alone that only has the pid of a dead one', async () => {
    await writeFile(
      file,
      JSON.stringify({
        supervisor: { ...identityOf(process.pid), startedAt: '1' },
        processes: [{ name: 'gateway', pid: process.ppid, startedAt: '1' }],
        ownsLibvirt: false,
      }),
    );
    await (await take()).release();
    expect(lines).toEqual([]);
  });

  it('lets only one of many take over from a dead supervisor', async () => {
    await writeFile(
      file,
      JSON.stringify({ supervisor: { ...identityOf(process.pid), startedAt: '1' }, processes: [], ownsLibvirt: false }),
    );
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, take));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});
