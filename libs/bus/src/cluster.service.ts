import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { buckets, commandConsumer, hostDraining, keys, streams, type Command } from '@polyvirt/contracts';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { bucketStream } from './bucket-names.ts';
import { acknowledge } from './consume.ts';
import {
  connectBus,
  ensureTopology,
  makeEvent,
  openBucket,
  publishCommand,
  publishEvent,
  readEvents,
  type Bus,
} from './index.ts';
import { pull } from './pull.ts';
import { eventually, NatsCluster } from './testing/index.ts';

const host = 'a';
const Count = z.object({ count: z.int() });

const command = (): Command => ({
  operationId: randomUUID(),
  verb: 'vm.start',
  host,
  nativeId: 'vm-1',
  requestId: 'request-1',
  requestedBy: 'ada',
  requestedAt: new Date().toISOString(),
  notAfter: new Date(Date.now() + 600_000).toISOString(),
  input: {},
});

const draining = (id: string) =>
  makeEvent(hostDraining, { id, source: `/hosts/${host}/agent`, subject: host, data: { host, incarnation: id } });

describe('a cluster of three', () => {
  let cluster: NatsCluster;
  let gateway: Bus;
  let agent: Bus;
  let end: AbortController;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    end = new AbortController();
    cluster = await NatsCluster.start([{ service: 'gateway' }, { service: 'agent', host }]);
    [gateway, agent] = await Promise.all([cluster.connect('gateway'), cluster.connect('agent-a')]);
    await ensureTopology(gateway, { hosts: [host], replicas: 3 });
  });
  afterAll(async () => {
    end.abort();
    await Promise.all([gateway, agent].map((bus) => bus.connection.close()));
    await cluster[Symbol.asyncDispose]();
    Logger.overrideLogger(['error']);
  });

  /** Everything is stored by all members. */
  const whole = () =>
    eventually(async () => {
      const names = [
        ...Object.values(streams),
        ...Object.values(buckets).map(({ name }) => ({ name: bucketStream(name) })),
      ];
      for (const { name } of names) {
        const { cluster: copies } = await gateway.manager.streams.info(name);
        expect(copies?.leader).toBeDefined();
        expect(copies!.replicas).toHaveLength(2);
        expect(copies!.replicas!.every(({ current }) => current)).toBe(true);
      }
    }, 60_000);

  it('lets a host that was added through one member in at each, and out of each when it is removed', async () => {
    const [first, ...others] = cluster.members;
    const keeper = await cluster.keeper(first!.url);
    try {
      await keeper.issueHost('b');
      const credentials = await cluster.authority.credentials({ service: 'agent', host: 'b' });
      const comes = ({ url }: { url: string }) => connectBus({ url, credentials, name: 'b', refusedForMs: 60_000 });
      const connected = await Promise.all(cluster.members.map(comes));
      await keeper.remove([keeper.authority.hostAccount('b')]);
      await eventually(() => expect(connected.map(({ isConnected }) => isConnected)).toEqual([false, false, false]));
      for (const { url } of others)
        await eventually(() =>
          expect(connectBus({ url, credentials, name: 'b' })).rejects.toThrow(/authorization violation/i),
        );
      await Promise.all(connected.map((bus) => bus.connection.close()));
    } finally {
      await keeper.close();
    }
  });

  it('loses nothing that it has acknowledged, and repeats no event, whichever member is killed', async () => {
    const sent: string[] = [];
    const events: string[] = [];
    const done = new Set<string>();
    const read: { sequence: number; id: string }[] = [];
    const seen = new Map<string, number>();
    const { signal } = end;
    const inventory = openBucket(agent, buckets.inventory, Count, { host });
    let count = 0;

    const writing = new AbortController();
    const until = async (work: () => Promise<void>) => {
      while (!writing.signal.aborted) await work();
    };
    const followers = [
      (async () => {
        const options = { stream: streams.commands.name, consumer: commandConsumer(host), maxMessages: 16, signal };
        for await (const message of pull(agent, options)) {
          done.add(message.json<Command>().operationId);
          await acknowledge(message).catch(() => {});
        }
      })(),
      (async () => {
        for await (const { sequence, event } of readEvents(gateway, { fromSequence: 0, signal }))
          read.push({ sequence, id: event.id });
      })(),
      (async () => {
        for await (const change of openBucket(gateway, buckets.inventory, Count).watch(keys.vmsOf(host), signal))
          if (change.type === 'put') seen.set(change.key, change.value.count);
      })(),
    ];
    const writers = [
      until(async () => {
        const one = command();
        await publishCommand(gateway, one);
        sent.push(one.operationId);
      }),
      until(async () => {
        const id = randomUUID();
        await publishEvent(agent, host, draining(id));
        events.push(id);
      }),
      until(async () => {
        await inventory.put(keys.vm(host, 'v'), { count: count + 1 });
        count += 1;
      }),
    ];
    for (const member of cluster.members) {
      await member.kill();
      const [commandsBefore, eventsBefore, countBefore] = [sent.length, events.length, count];
      await eventually(() => {
        expect(sent.length).toBeGreaterThan(commandsBefore + 2);
        expect(events.length).toBeGreaterThan(eventsBefore + 2);
        expect(count).toBeGreaterThan(countBefore + 2);
      }, 60_000);
      await member.start();
      await whole();
    }
    writing.abort();
    await Promise.all(writers);
    await eventually(() => expect(sent.filter((id) => !done.has(id))).toEqual([]), 60_000);
    await eventually(() => expect(read.map(({ id }) => id)).toEqual(events), 60_000);
    expect(read.map(({ sequence }) => sequence)).toEqual(events.map((_, at) => at + 1));
    await eventually(() => expect(seen.get(keys.vm(host, 'v'))).toBe(count), 60_000);
    end.abort();
    await Promise.all(followers);
  }, 300_000);
});
