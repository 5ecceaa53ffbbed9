import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';

it('another user of the machine reads nothing that a service writes once it has its settings', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'polyvirt-own-'));
  try {
    const program = `
      import { mkdirSync, writeFileSync } from 'node:fs';
      import { defineConfig, busSettings, loadConfig } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
      process.umask(0);
      loadConfig(defineConfig({ ...busSettings }), {});
      writeFileSync('file', 'x');
      mkdirSync('folder');`;
    const ended = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(ended.stderr).toBe('');
    const modes = await Promise.all(
      ['file', 'folder'].map(async (name) => (await stat(join(folder, name))).mode & 0o777),
    );
    expect(modes).toEqual([0o600, 0o700]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
