import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { definition, History, record, tree } from '../testing/events.ts';
import { Archive } from './archive.ts';

const program = join(import.meta.dirname, '../testing/interrupted-archive.mjs');

describe('Archive, interrupted', () => {
  let folder: string;
  let history: History;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-killed-'));
    const disk = join(folder, 'disk.img');
    await writeFile(disk, 'disk');
    history = new History();
    history.add('vm.created', record(), { definition: definition([disk]) });
    history.add('vm.renamed', record({ name: 'web-2' }), {
      previousName: 'web-1',
      definition: definition([disk, join(folder, 'events')], '<domain>2</domain>'),
    });
    await writeFile(join(folder, 'events'), JSON.stringify(history.events));
  });

  afterEach(() => rm(folder, { recursive: true }));

  const attempt = (...args: string[]) =>
    new Promise<{ signal: NodeJS.Signals | null; output: string }>((resolve) => {
      const child = execFile(
        process.execPath,
        ['--conditions=@polyvirt/source', '--no-warnings', program, ...args],
        (_error, stdout, stderr) => resolve({ signal: child.signalCode, output: stdout + stderr }),
      );
    });

  it('comes to the same folder from wherever it stopped', async () => {
    const { output } = await attempt('every', folder, join(folder, 'events'));
    const { calls, different } = JSON.parse(output) as { calls: number; different: number[] };
    expect(calls).toBeGreaterThan(40);
    expect(different).toEqual([]);
  }, 60_000);

  it('comes to the same folder after SIGKILL', async () => {
    const expected = await Archive.open(join(folder, 'expected'), { warn: () => {} });
    for (const event of history.events) await expected.apply(event);
    for (const call of [2, 9, 21, 26, 33, 45]) {
      const root = join(folder, `killed-${call}`);
      expect(await attempt('kill', root, join(folder, 'events'), String(call))).toMatchObject({ signal: 'SIGKILL' });
      const archive = await Archive.open(root, { warn: () => {} });
      for (const event of history.events) await archive.apply(event);
      expect(await tree(root)).toEqual(await tree(expected.root));
    }
  }, 60_000);
});
