import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Stack } from '@polyvirt/e2e/stack';
import type { Flood } from './flooder.ts';
import { end, residentMiB } from './processes.ts';
import type { Measurement } from './row.ts';
import { ms, p95 } from './statistics.ts';

const READS = 400;
const READ_EVERY_MS = 25;
const LOOK_EVERY_MS = 250;
/** A machine that is busy with both sides of it does not keep the pace to the digit. */
const LEAST_PER_SECOND = 5;
const MOST_MIB = 64;
/** Below this nobody notices a factor. */
const UNNOTICED_MS = 20;

/** What 6 MB a second of nonsense from somebody without a credential does to somebody with one. */
export const measureAnonymousFlood: Measurement = async (log) => {
  const stack = await Stack.start({ agents: [{ kind: 'fake', id: 'fake-a' }] });
  try {
    const { data } = await stack.client().POST('/api/v1/auth/login', {
      body: { username: 'admin', password: stack.adminPassword },
    });
    const read = () => readsOf(`${stack.url()}/api/v1/vms`, data.accessToken);
    const pid = stack.service('gateway').pid!;
    await read();
    const quiet = p95(await read());
    const before = residentMiB(pid);
    log(`quiet: p95 ${ms(quiet)}, ${Math.round(before)} MiB`);

    let most = before;
    const look = setInterval(() => (most = Math.max(most, residentMiB(pid))), LOOK_EVERY_MS);
    const flooder = fork(join(import.meta.dirname, 'flooder.js'), [stack.url()], { execArgv: [] });
    let flood: Flood = { begun: 0, answers: {} };
    flooder.on('message', (message) => (flood = message as Flood));
    try {
      const died = once(flooder, 'exit').then(() => Promise.reject(new Error('the flooder has ended by itself')));
      await Promise.race([once(flooder, 'message'), died]);
      const [first, begunAt] = [flood.begun, performance.now()];
      const flooded = p95(await Promise.race([read(), died]));
      const perSecond = ((flood.begun - first) / (performance.now() - begunAt)) * 1_000;
      log(`requests of 1 MB per second: ${perSecond.toFixed(1)}; answers: ${JSON.stringify(flood.answers)}`);
      requireFlood(flood, perSecond);
      const grown = most - before;
      log(`flooded: p95 ${ms(flooded)}, ${Math.round(most)} MiB`);
      const bar = Math.max(2 * quiet, UNNOTICED_MS);
      return [
        {
          work: `GET /vms during ${perSecond.toFixed(1)} MB/s of nested lists from nobody, p95`,
          ours: ms(flooded),
          beside: `quiet ${ms(quiet)}`,
          ratio: flooded / quiet,
          bar: '≤ 2 ×, or 20 ms',
          met: flooded <= bar,
        },
        {
          work: 'memory of the gateway during that',
          ours: `${Math.round(grown)} MiB more`,
          beside: `${MOST_MIB} MiB`,
          ratio: grown / MOST_MIB,
          bar: `≤ ${MOST_MIB} MiB`,
          met: grown <= MOST_MIB,
        },
      ];
    } finally {
      clearInterval(look);
      await end(flooder);
    }
  } finally {
    await stack.stop();
  }
};

/**
 * Throws unless it was the flood that it is measured against. A gateway that answers no more takes in nothing either, and its other
 * clients have a good time.
 */
function requireFlood({ answers }: Flood, perSecond: number): void {
  if (perSecond < LEAST_PER_SECOND)
    throw new Error(`the flood was ${perSecond.toFixed(1)} requests of 1 MB per second instead of 6`);
  const refused = Object.keys(answers).filter((answer) => /^HTTP\/1\.1 (?:4\d\d) /.test(answer));
  const other = Object.keys(answers).filter((answer) => answer !== 'none' && !refused.includes(answer));
  if (refused.length === 0 || other.length > 0)
    throw new Error(`the flood was answered ${JSON.stringify(answers)}; each request is to be refused`);
}

/** At a pace, as somebody who looks at a page does. */
async function readsOf(url: string, token: string): Promise<number[]> {
  const tookMs: number[] = [];
  for (let count = 0; count < READS; count++) {
    const begun = performance.now();
    const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    await response.text();
    if (response.status !== 200) throw new Error(`${url} answers ${response.status}`);
    tookMs.push(performance.now() - begun);
    await delay(READ_EVERY_MS);
  }
  return tookMs;
}
