import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { buckets, hostDraining, keys, type HostId } from '@polyvirt/contracts';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ensureTopology, makeEvent, openBucket, publishEvent, StoredBytes, type Bus } from './index.ts';
import { BusAccount } from './testing/index.ts';

const kibi = 1_024;
const text = 'x'.repeat(10 * kibi);

describe('what hosts have stored', () => {
  let account: BusAccount;
  let bus: Bus;
  const { signal } = new AbortController();
  beforeEach(async () => {
    account = await BusAccount.open();
    bus = await account.connect();
    await ensureTopology(bus);
  });
  afterEach(async () => {
    await bus.close();
    await account[Symbol.asyncDispose]();
  });

  const happen = async (host: HostId) => {
    const [id, source] = [randomUUID(), `/hosts/${host}/agent`];
    const data = { host, incarnation: text };
    await publishEvent(bus, host, makeEvent(hostDraining, { id, source, subject: host, data }));
  };
  const write = (host: HostId, name: string) =>
    openBucket(bus, buckets.inventory, z.string()).put(keys.vm(host, name), text);

  it('is their events and records, each host its own, and what was written over counts no more', async () => {
    const stored = new StoredBytes(bus);
    for (let n = 0; n < 5; n += 1) await happen('a');
    for (let n = 0; n < 5; n += 1) await write('b', `vm-${n}`);
    for (let n = 0; n < 5; n += 1) await write('c', 'one');
    const above = await stored.above(40 * kibi, signal);
    expect([...above.keys()].sort()).toEqual(['a', 'b']);
    for (const bytes of above.values()) expect(Math.round(bytes / 10 / kibi)).toBe(5);
  });

  it('is counted on from where it was, and again after the stream was lost', async () => {
    const stored = new StoredBytes(bus);
    for (let n = 0; n < 3; n += 1) await happen('a');
    expect([...(await stored.above(20 * kibi, signal)).keys()]).toEqual(['a']);
    for (let n = 0; n < 3; n += 1) await happen('a');
    expect(Math.round((await stored.above(20 * kibi, signal)).get('a')! / 10 / kibi)).toBe(6);
    await bus.manager.streams.delete('POLYVIRT_EVENTS');
    await ensureTopology(bus);
    for (let n = 0; n < 3; n += 1) await happen('a');
    expect(Math.round((await stored.above(20 * kibi, signal)).get('a')! / 10 / kibi)).toBe(3);
  });

  it('is not even looked at while everything together is less than one may have', async () => {
    await happen('a');
    const { consumers } = bus.manager;
    const made: string[] = [];
    const add = consumers.add.bind(consumers);
    consumers.add = (stream, config) => {
      made.push(stream);
      return add(stream, config);
    };
    expect(await new StoredBytes(bus).above(10 * kibi * kibi, signal)).toEqual(new Map());
    expect(made).toEqual([]);
    consumers.add = add;
  });
});
