import 'reflect-metadata';
import { performance } from 'node:perf_hooks';
import { Logger } from '@nestjs/common';
import { AckPolicy, jetstream, jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Agent } from '@polyvirt/agent-kit';
import { requireSuccess, type Client } from '@polyvirt/api-client';
import type { NativeId } from '@polyvirt/contracts';
import { Stack } from '@polyvirt/e2e/stack';
import { FakeDriver, type Effect, type OperationContext } from '@polyvirt/hypervisor';
import type { Measurement } from './row.ts';
import { ms, p95 } from './statistics.ts';

const HOST = 'bench';
const ROUNDS = 60;
const WARM_UP = 10;

/** Tells when the driver is called to start a VM. */
class TellingDriver extends FakeDriver {
  onStart: (atMs: number) => void = () => undefined;

  override start(nativeId: NativeId, context: OperationContext): Promise<Effect> {
    this.onStart(performance.now());
    return super.start(nativeId, context);
  }
}

/** From sending `POST …/start` until the driver is called, beside a message through a JetStream work queue. */
export const measureCommandLatency: Measurement = async (log) => {
  Logger.overrideLogger(false);
  const stack = await Stack.start({ agents: [{ kind: 'fake', id: HOST }] });
  try {
    // The agent moves into this process, so that both ends read the same clock.
    await stack.kill(`agent-${HOST}`, 'SIGTERM');
    const driver = new TellingDriver({});
    const agent = await Agent.start({
      driver,
      version: 'bench',
      config: {
        hostId: HOST,
        natsUrl: stack.nats.url,
        natsUser: `agent-${HOST}`,
        natsPassword: stack.busPassword(`agent-${HOST}`),
        logLevel: 'silent',
        metricsSeconds: 300,
        reconcileSeconds: 3_600,
        drainSeconds: 1,
      },
    });
    try {
      const ours = await measureStarts(stack.admin, driver, log);
      const theirs = await measureRaw(stack.nats.url, stack.busPassword('admin'), log);
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
    } finally {
      await agent.stop();
    }
  } finally {
    await stack.stop();
  }
};

async function measureStarts(client: Client, driver: TellingDriver, log: (line: string) => void): Promise<number[]> {
  const wait = { Prefer: 'wait=30' };
  const body = { host: HOST, name: 'bench', disks: [{ sizeGiB: 1 }] };
  const { data: made } = await client.POST('/api/v1/vms', { body, params: { header: wait } });
  const path = { vmId: requireSuccess(made).vmId! };
  const samples: number[] = [];
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    const called = new Promise<number>((resolve) => (driver.onStart = resolve));
    const sent = performance.now();
    const { data } = await client.POST('/api/v1/vms/{vmId}/start', { body: {}, params: { path } });
    const took = (await called) - sent;
    if (round >= 0) samples.push(took);
    requireSuccess(await client.waitForOperation(data.id));
    await client.POST('/api/v1/vms/{vmId}/stop', { body: { force: true }, params: { path, header: wait } });
    if (round % 20 === 0 && round > 0) log(`${round} of ${ROUNDS} starts`);
  }
  return samples;
}

async function measureRaw(url: string, pass: string, log: (line: string) => void): Promise<number[]> {
  const connections: NatsConnection[] = [];
  const open = async () => {
    const connection = await connect({ servers: url, user: 'admin', pass, inboxPrefix: '_INBOX.admin' });
    connections.push(connection);
    return connection;
  };
  try {
    const [publisher, consumer] = [await open(), await open()];
    const manager = await jetstreamManager(publisher);
    const stream = 'BENCH_RAW';
    await manager.streams.add({
      name: stream,
      subjects: ['bench.raw'],
      retention: RetentionPolicy.Workqueue,
      storage: StorageType.File,
    });
    await manager.consumers.add(stream, { durable_name: 'raw', ack_policy: AckPolicy.Explicit });
    const messages = await (await jetstream(consumer).consumers.get(stream, 'raw')).consume();
    const incoming = messages[Symbol.asyncIterator]();
    const samples: number[] = [];
    for (let round = -WARM_UP; round < ROUNDS; round++) {
      const sent = performance.now();
      const stored = jetstream(publisher).publish('bench.raw', JSON.stringify({ round }));
      const { value } = await incoming.next();
      if (round >= 0) samples.push(performance.now() - sent);
      value!.ack();
      await stored;
    }
    messages.stop();
    await manager.streams.delete(stream);
    log('raw messages done');
    return samples;
  } finally {
    for (const connection of connections) await connection.close();
  }
}
