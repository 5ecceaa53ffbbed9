import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcess, identityOf, isSameProcess } from './process-identity.ts';
import { startService } from './service.ts';

const node = (script: string) => ({ program: process.execPath, args: ['-e', script] });

describe('startService', () => {
  let folder: string;
  let logFile: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-service-'));
    logFile = join(folder, 'service.log');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('resolves when the process says that it is ready, and stops it', async () => {
    const service = await startService({
      name: 'speaker',
      ...node('console.log("ready"); setInterval(() => {}, 1000)'),
      logFile,
      ready: async () => (await readFile(logFile, 'utf8')).includes('ready'),
    });
    expect(service.isRunning()).toBe(true);
    await service.stop();
    expect(service.isRunning()).toBe(false);
    expect(await service.exited).toEqual({ code: null, signal: 'SIGTERM' });
    await service.stop();
  });

  it('shows the end of the log of a process that dies at once', async () => {
    const starting = startService({
      name: 'broken',
      ...node('console.error("no such thing"); process.exit(3)'),
      logFile,
      ready: () => Promise.resolve(false),
    });
    await expect(starting).rejects.toThrow(/broken ended before it was ready.*no such thing/s);
  });

  it('kills a process that never becomes ready', async () => {
    const starting = startService({
      name: 'slow',
      ...node('console.log(process.pid); process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)'),
      logFile,
      ready: () => Promise.resolve(false),
      readyTimeoutMs: 1_000,
    });
    await expect(starting).rejects.toThrow('slow was not ready within 1 s');
    expect(identityOf(Number((await readFile(logFile, 'utf8')).trim()))).toBeUndefined();
  });

  it('reports a program that does not exist', async () => {
    const starting = startService({ name: 'ghost', program: join(folder, 'nothing'), logFile });
    await expect(starting).rejects.toThrow(/ghost ended before it was ready/);
  });
});

describe('process identity', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-identity-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('tells a process from a later one with the same pid', () => {
    const self = identityOf(process.pid)!;
    expect(isSameProcess(self)).toBe(true);
    expect(isSameProcess({ ...self, startedAt: '1' })).toBe(false);
  });

  it('kills a process that does not heed SIGTERM', async () => {
    const logFile = join(folder, 'log');
    const service = await startService({
      name: 'stubborn',
      ...node('process.on("SIGTERM", () => {}); console.log("ready"); setInterval(() => {}, 1000)'),
      logFile,
      ready: async () => (await readFile(logFile, 'utf8')).includes('ready'),
    });
    await endProcess(identityOf(service.pid)!, 200);
    expect(await service.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });
});
