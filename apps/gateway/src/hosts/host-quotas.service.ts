import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import { isEvent, openBucket, readEvents, type Bus } from '@polyvirt/bus';
import {
  buckets,
  hostCutOff,
  hostDraining,
  hostReadmitted,
  keys,
  subjects,
  type CloudEvent,
} from '@polyvirt/contracts';
import { z } from 'zod';
import { TestHouse } from '../testing/test-house.ts';

describe('a host that fills the bus', () => {
  let house: TestHouse;
  beforeAll(async () => {
    house = await TestHouse.start({
      hosts: ['kvm-a', 'kvm-b', 'kvm-c'],
      times: { quotaTickMs: 50, storedTickMs: 50, firstCutMs: 60_000 },
      environment: { POLYVIRT_HOST_STORED_MIB: '1' },
    });
    for (const host of ['kvm-a', 'kvm-b', 'kvm-c']) await house.startAgent(host);
  });
  afterAll(() => house.stop());

  it('slowly is cut off, with events or with records, and one that writes over what it has is not', async () => {
    const [a, b, c] = (await Promise.all(['a', 'b', 'c'].map((name) => house.connect(`agent-kvm-${name}`)))) as [
      Bus,
      Bus,
      Bus,
    ];
    const gateway = await house.connect('gateway');
    const end = new AbortController();
    const reasons = new Map<string, string>();
    const reading = (async () => {
      for await (const { host, event } of readEvents(gateway, { fromSequence: 0, signal: end.signal }))
        if (isEvent(hostCutOff, event)) reasons.set(host, event.data.reason);
    })();
    const text = 'x'.repeat(100 * 1_024);
    // It is cut off meanwhile.
    const writes = async (write: (n: number) => Promise<unknown>, host: string) => {
      for (let n = 0; !reasons.has(host); n += 1) await write(n).catch(() => undefined);
    };
    const records = (bus: Bus) => openBucket(bus, buckets.inventory, z.unknown());
    // Twice as much as it may have at any time, in one record.
    for (let n = 0; n < 20; n += 1) await records(c).put(keys.vm('kvm-c', 'one'), { n, text });
    await Promise.all([
      writes(
        (n) =>
          a.jetstream.publish(subjects.event('kvm-a', hostDraining.name), text, { msgID: `fill-${n}`, timeout: 1_000 }),
        'kvm-a',
      ),
      writes(
        (n) => records(b).put(keys.vm('kvm-b', String(n)), { text }, { signal: AbortSignal.timeout(1_000) }),
        'kvm-b',
      ),
    ]);
    expect([...reasons.keys()].sort()).toEqual(['kvm-a', 'kvm-b']);
    for (const reason of reasons.values())
      expect(reason).toMatch(
        /^It has \d+ MiB on the bus, in its records and its events of .*; it may have 1\. Find out/,
      );
    expect(c.isConnected).toBe(true);
    end.abort();
    await reading;
  });
});

describe('a host that floods the bus', () => {
  let house: TestHouse;
  let flooder: Bus;
  let other: Bus;
  beforeAll(async () => {
    house = await TestHouse.start({
      hosts: ['kvm-a', 'kvm-b'],
      times: { quotaTickMs: 50, firstCutMs: 500 },
      environment: { POLYVIRT_HOST_MESSAGES_PER_SECOND: '100' },
    });
    await house.startAgent('kvm-a');
    await house.startAgent('kvm-b');
    [flooder, other] = [await house.connect('agent-kvm-a'), await house.connect('agent-kvm-b')];
  });
  afterAll(() => house.stop());

  it('is cut off, which is told with numbers, and let in again; the others notice nothing', async () => {
    const gateway = await house.connect('gateway');
    const end = new AbortController();
    const told: CloudEvent[] = [];
    const reading = (async () => {
      for await (const { host, event } of readEvents(gateway, { fromSequence: 0, signal: end.signal }))
        if (host === 'kvm-a') told.push(event);
    })();
    let lost = 0;
    const forget = flooder.onReconnect(() => (lost += 1));
    // As fast as it can, until it is stopped.
    await eventually(async () => {
      for (let count = 0; count < 5_000; count += 1) flooder.connection.publish(subjects.metrics('kvm-a'), '{}');
      if (flooder.isConnected) await flooder.whileConnected(flooder.connection.flush()).catch(() => undefined);
      expect(told.map(({ type }) => type)).toContain(hostCutOff.name);
    });
    expect(told.find(({ type }) => type === hostCutOff.name)?.data).toMatchObject({
      host: 'kvm-a',
      reason: expect.stringMatching(/^It sent \d+ (?:messages|MiB) per second; it may send \d+ for long\.$/),
    });
    await eventually(() => expect(told.map(({ type }) => type)).toContain(hostReadmitted.name));
    await eventually(() => expect(lost).toBeGreaterThan(0));
    forget();
    expect(other.isConnected).toBe(true);
    end.abort();
    await reading;
  });
});
