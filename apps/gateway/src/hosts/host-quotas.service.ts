import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import { readEvents, type Bus } from '@polyvirt/bus';
import { hostCutOff, hostReadmitted, subjects, type CloudEvent } from '@polyvirt/contracts';
import { TestHouse } from '../testing/test-house.ts';

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
