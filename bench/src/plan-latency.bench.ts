import { performance } from 'node:perf_hooks';
import { Stack } from '@polyvirt/e2e/stack';
import type { Measurement } from './row.ts';
import { ms, p95 } from './statistics.ts';

const HOST = 'bench';
const SUBJECT = 'bench.plan';
const ROUNDS = 300;
const WARM_UP = 50;
/** Above it a person who types in a form would notice. */
const MOST_MS = 15;

/**
 * The plan of a create over HTTP, which asks the agent, beside a bare request over NATS whose question and answer are as long.
 * Both take turns, so that a machine that is asleep or busy is so for both.
 */
export const measurePlanLatency: Measurement = async (log) => {
  await using cleanup = new AsyncDisposableStack();
  const stack = await Stack.start({ agents: [{ kind: 'fake', id: HOST }] });
  cleanup.defer(() => stack.stop());
  const body = {
    host: HOST,
    name: 'planned',
    cpus: 2,
    memoryMiB: 2_048,
    disks: [{ sizeGiB: 20, image: 'tiny-linux' }],
    nics: [{ network: 'default' }],
    labels: { env: 'test' },
    start: true,
  };
  const plan = async () => {
    const sent = performance.now();
    const { data } = await stack.admin.POST('/api/v1/vms', { body, params: { query: { dryRun: 'true' } } });
    const took = performance.now() - sent;
    if (data.partial) throw new Error('the agent did not answer');
    return { took, bytes: JSON.stringify(data).length };
  };

  const open = async () => {
    const bus = await stack.nats.connect('admin');
    cleanup.defer(() => bus.close());
    return bus.connection;
  };
  const [asker, answerer] = [await open(), await open()];
  const [question, answer] = ['x'.repeat(JSON.stringify(body).length), 'x'.repeat((await plan()).bytes)];
  answerer.subscribe(SUBJECT, { callback: (_, message) => void message.respond(answer) });
  await answerer.flush();
  const raw = async () => {
    const sent = performance.now();
    await asker.request(SUBJECT, question);
    return performance.now() - sent;
  };

  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    const [{ took }, bare] = [await plan(), await raw()];
    if (round >= 0) {
      ours.push(took);
      theirs.push(bare);
    }
    if (round % 100 === 0 && round > 0) log(`${round} of ${ROUNDS} rounds`);
  }
  return [
    {
      work: 'plan of a create, p95',
      ours: ms(p95(ours)),
      beside: `NATS request of the same size ${ms(p95(theirs))}`,
      ratio: p95(ours) / p95(theirs),
      bar: `≤ ${MOST_MS} ms`,
      met: p95(ours) <= MOST_MS,
    },
  ];
};
