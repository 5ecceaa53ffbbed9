import 'reflect-metadata';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { AckPolicy, jetstream, jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { Stack } from '@polyvirt/e2e/stack';
import type { Measurement } from './row.ts';
import { startOn, type Sample } from './start-sample.ts';
import { ms, p95 } from './statistics.ts';

const HOST = 'bench';
/** Stream and subject beside which commands are measured. */
const RAW = 'BENCH_RAW';
const SUBJECT = 'bench.raw';
const COMMAND_BYTES = 300;
const ROUNDS = 60;
const WARM_UP = 20;
/** Before every sample, so that nothing of the one before is still at work. */
const PAUSE_MS = 100;

/**
 * From sending `POST …/start` until the driver is called, beside a message through a JetStream work queue. Both take turns,
 * so that a machine that is asleep or busy is so for both.
 */
export const measureCommandLatency: Measurement = async (log) => {
  Logger.overrideLogger(false);
  await using cleanup = new AsyncDisposableStack();
  const stack = await Stack.start({ agents: [{ kind: 'fake', id: HOST }] });
  cleanup.defer(() => stack.stop());
  const start = await startOn(stack, HOST, cleanup);
  const raw = await rawMessage(stack, cleanup);

  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    for (const [sample, samples] of [[start, ours] as const, [raw, theirs] as const]) {
      await delay(PAUSE_MS);
      const took = await sample();
      if (round >= 0) samples.push(took);
    }
    if (round % 20 === 0 && round > 0) log(`${round} of ${ROUNDS} rounds`);
  }
  const ratio = p95(ours) / p95(theirs);
  return [
    {
      work: 'POST …/start until the driver is called, p95',
      ours: ms(p95(ours)),
      beside: `JetStream publish until consumed ${ms(p95(theirs))}`,
      ratio,
      bar: '≤ 3 ×',
      met: ratio <= 3,
    },
  ];
};

/** Sends a message through a work queue of its own, as large as a command. */
async function rawMessage(stack: Stack, cleanup: AsyncDisposableStack): Promise<Sample> {
  const open = async () => {
    const bus = await stack.nats.connect('admin');
    cleanup.defer(() => bus.close());
    return bus.connection;
  };
  const [publisher, consumer] = [await open(), await open()];
  const manager = await jetstreamManager(publisher);
  await manager.streams.add({
    name: RAW,
    subjects: [SUBJECT],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
  });
  await manager.consumers.add(RAW, { durable_name: 'raw', ack_policy: AckPolicy.Explicit });
  const messages = await (await jetstream(consumer).consumers.get(RAW, 'raw')).consume();
  cleanup.defer(() => messages.stop());
  const incoming = messages[Symbol.asyncIterator]();
  const payload = 'x'.repeat(COMMAND_BYTES);
  return async () => {
    const sent = performance.now();
    const stored = jetstream(publisher).publish(SUBJECT, payload);
    const { value } = await incoming.next();
    const took = performance.now() - sent;
    value!.ack();
    await stored;
    return took;
  };
}
