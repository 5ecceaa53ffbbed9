import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { DatabaseSync } from 'node:sqlite';
import { createClient, type Client } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import { Stack } from '@polyvirt/e2e/stack';
import { end } from './processes.ts';
import type { Measurement } from './row.ts';
import { median, ms, p95 } from './statistics.ts';

const HOST = 'bench';
const CLIENTS = 20;
const CREATES = 200;
const ROUNDS = 5;
const SLOWEST_MS = 150;
const LEAST_SHARE = 0.5;
const SETTLE_MS = 120_000;

/**
 * How fast creates are acknowledged that twenty clients ask for at once, beside commits of a single row to a database of the same
 * kind on the same disk: an acknowledgement is a commit, and everything else is what it costs beyond that. How much of it is the
 * clients' and HTTP's own is told by a bare handler that commits one row, asked by the same clients.
 */
export const measureAcknowledgement: Measurement = async (log) => {
  await using cleanup = new AsyncDisposableStack();
  const stack = await Stack.start({ agents: [{ kind: 'fake', id: HOST }] });
  cleanup.defer(() => stack.stop());
  const commits = commitsIn(stack.folder, cleanup);
  const bare = await barePeer(stack.folder, cleanup);

  const ours: number[] = [];
  const theirs: number[] = [];
  const bares: number[] = [];
  const latencies: number[] = [];
  // In turns, so that what else happens on the machine meets both; the first round warms both up.
  for (let round = -1; round < ROUNDS; round++) {
    const raw = commits();
    const least = (await acknowledge(bare, round)).rate;
    const { rate, took } = await acknowledge(stack.admin, round);
    await settled(stack);
    if (round < 0) continue;
    theirs.push(raw);
    bares.push(least);
    ours.push(rate);
    latencies.push(...took);
    log(
      `${rate.toFixed(0)} acknowledgements/s beside ${raw.toFixed(0)} commits/s, ${least.toFixed(0)}/s by a bare handler`,
    );
  }
  const ratio = median(ours) / median(theirs);
  const slow = p95(latencies);
  const work = `${CREATES} creates by ${CLIENTS} clients until they are acknowledged`;
  return [
    {
      work,
      ours: `${median(ours).toFixed(0)}/s`,
      beside: `commits of one row to SQLite ${median(theirs).toFixed(0)}/s, of which these clients reach ${median(bares).toFixed(0)}/s`,
      ratio,
      bar: `≥ ${LEAST_SHARE} ×`,
      met: ratio >= LEAST_SHARE,
    },
    {
      work: 'the same, p95',
      ours: ms(slow),
      beside: ms(SLOWEST_MS),
      ratio: slow / SLOWEST_MS,
      bar: `≤ ${SLOWEST_MS} ms`,
      met: slow <= SLOWEST_MS,
    },
  ];
};

/** Measures commits per second, each as durable as those of the gateway. */
function commitsIn(folder: string, cleanup: AsyncDisposableStack): () => number {
  const database = new DatabaseSync(join(folder, 'commits.db'));
  cleanup.defer(() => database.close());
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (id INTEGER PRIMARY KEY, text)',
  );
  const insert = database.prepare('INSERT INTO rows (text) VALUES (?)');
  const text = 'x'.repeat(1_000);
  return () => {
    const began = performance.now();
    for (let n = 0; n < CREATES; n++) insert.run(text);
    return (CREATES * 1_000) / (performance.now() - began);
  };
}

async function barePeer(folder: string, cleanup: AsyncDisposableStack): Promise<Client> {
  const peer = fork(join(import.meta.dirname, 'commit-peer.js'), [join(folder, 'bare.db')], { execArgv: [] });
  cleanup.defer(() => end(peer));
  const [url] = (await once(peer, 'message')) as [string];
  return createClient({ url, token: 'none' });
}

async function acknowledge(client: Client, round: number): Promise<{ rate: number; took: number[] }> {
  const took: number[] = [];
  const names = Array.from({ length: CREATES }, (_, n) => `ack-${round + 1}-${n}`).values();
  const work = async () => {
    for (const name of names) {
      const sent = performance.now();
      await client.POST('/api/v1/vms', { body: { host: HOST, name, disks: [{ sizeGiB: 1 }] } });
      took.push(performance.now() - sent);
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: CLIENTS }, work));
  return { rate: (CREATES * 1_000) / (performance.now() - began), took };
}

/** Waits until nothing of it is at work any more. */
const settled = ({ admin }: Stack): Promise<void> =>
  eventually(async () => {
    const { pending, running } = (await admin.GET('/api/v1/stats/summary')).data.operations;
    if (pending + running > 0) throw new Error(`${pending + running} operations have not ended`);
  }, SETTLE_MS);
