import { expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { root } from '@polyvirt/tools';

/** The same disturbances each time; `npm run chaos` chooses others. */
const seed = '3';
/** For a stack that hangs, on the slowest machine: what has been asked for has to end. */
const timeoutMs = 40 * 60_000;

it(
  'whatever fails beside it, each operation ends once, no machine is lost or doubled, no event is missing, and nothing is left',
  async () => {
    const child = spawn(process.execPath, [join(root, 'e2e/dist/chaos/main.js'), '--seed', seed], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (said += text.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(said);
    expect(said).toContain('Nothing was wrong.');
  },
  timeoutMs,
);
