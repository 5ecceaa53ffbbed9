import 'reflect-metadata';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { readEvents } from '@polyvirt/bus';
import { hostCutOff, subjects } from '@polyvirt/contracts';
import { Stack } from '@polyvirt/e2e/stack';
import type { Measurement } from './row.ts';
import { startOn, type Sample } from './start-sample.ts';
import { ms, p95 } from './statistics.ts';

const [HOST, FLOODER] = ['bench', 'flooder'];
const ROUNDS = 60;
const WARM_UP = 20;
const PAUSE_MS = 50;
/** Messages that are sent in one go. */
const BURST = 2_000;
const BYTES = 512;

/**
 * A host sends as much as it can until it is cut off: how soon that is, and what commands of another host take afterwards, beside
 * what they took before.
 */
export const measureFlood: Measurement = async (log) => {
  Logger.overrideLogger(false);
  await using cleanup = new AsyncDisposableStack();
  const stack = await Stack.start({ agents: [HOST, FLOODER].map((id) => ({ kind: 'fake' as const, id })) });
  cleanup.defer(() => stack.stop());
  const start = await startOn(stack, HOST, cleanup);
  await sample(start, WARM_UP);
  const quiet = await sample(start, ROUNDS);
  log('quiet; the flood begins');
  const cutAfterMs = await flood(stack);
  log(`cut off after ${ms(cutAfterMs)}`);
  const afterwards = await sample(start, ROUNDS);
  const ratio = p95(afterwards) / p95(quiet);
  return [
    {
      work: 'a host that floods the bus until it is cut off',
      ours: ms(cutAfterMs),
      beside: 'the time it may take 10,000 ms',
      ratio: cutAfterMs / 10_000,
      bar: '≤ 1 ×',
      met: cutAfterMs <= 10_000,
    },
    {
      work: 'POST …/start on another host after that, p95',
      ours: ms(p95(afterwards)),
      beside: `before the flood ${ms(p95(quiet))}`,
      ratio,
      bar: '≤ 1.5 ×',
      met: ratio <= 1.5,
    },
  ];
};

async function sample(start: Sample, rounds: number): Promise<number[]> {
  const samples: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await delay(PAUSE_MS);
    samples.push(await start());
  }
  return samples;
}

/** Answers after how many ms the gateway has said that the host is cut off. */
async function flood(stack: Stack): Promise<number> {
  const bus = await stack.nats.connect(`agent-${FLOODER}`);
  const end = new AbortController();
  const began = performance.now();
  let cutAfterMs: number | undefined;
  const hearing = (async () => {
    for await (const { host, event } of readEvents(stack.bus, { signal: end.signal }))
      if (host === FLOODER && event.type === hostCutOff.name) {
        cutAfterMs = performance.now() - began;
        return;
      }
  })();
  try {
    const payload = 'x'.repeat(BYTES);
    while (cutAfterMs === undefined) {
      for (let count = 0; count < BURST && bus.isConnected; count++)
        bus.connection.publish(subjects.metrics(FLOODER), payload);
      if (bus.isConnected) await bus.whileConnected(bus.connection.flush()).catch(() => undefined);
      await delay(1);
    }
    return cutAfterMs;
  } finally {
    end.abort();
    await hearing;
    await bus.close();
  }
}
