import { expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

it('loses lines and not the service when nothing can be written', () => {
  const program = `
    import { pino } from 'pino';
    import { logOutput } from ${JSON.stringify(new URL('./log-output.ts', import.meta.url).href)};
    const logger = pino({}, logOutput());
    for (let line = 0; line < 20_000; line += 1) logger.info('a line that is long enough to fill the buffer for what waits');
    setImmediate(() => process.exit(process.memoryUsage().rss < 400 * 1024 * 1024 ? 42 : 43));`;
  const full = openSync('/dev/full', 'w');
  try {
    const ended = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: import.meta.dirname,
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    expect([ended.status, ended.stderr]).toEqual([42, '']);
  } finally {
    closeSync(full);
  }
});
