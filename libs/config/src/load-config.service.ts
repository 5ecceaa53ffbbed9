import { expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';

it('exits with 78 when the configuration is not valid', () => {
  const program = `
    import { defineConfig, busSettings, loadConfig } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
    loadConfig(defineConfig({ ...busSettings }));`;
  const ended = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    env: { POLYVIRT_LOG_LEVEL: 'loud', POLYVIRT_WRONG: '1' },
    encoding: 'utf8',
  });
  expect(ended.status).toBe(78);
  expect(ended.stderr).toContain('POLYVIRT_LOG_LEVEL');
  expect(ended.stderr).toContain('POLYVIRT_WRONG');
});
