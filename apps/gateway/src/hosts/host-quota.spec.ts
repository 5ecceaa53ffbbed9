import { expect, it } from '@jest/globals';
import { HostMeter } from './host-quota.ts';

const quota = { messagesPerSecond: 100, bytesPerSecond: 10 * 1_024 * 1_024 };

/** Seconds until it is too much, of at most two minutes, with a reading each second. */
function cutAfter(messagesPerSecond: number, bytesPerSecond: number): number | undefined {
  const meter = new HostMeter({ messages: 7, bytes: 7 }, 0);
  for (let second = 1; second <= 120; second += 1) {
    const sent = { messages: 7 + second * messagesPerSecond, bytes: 7 + second * bytesPerSecond };
    if (meter.exceeds(sent, second * 1_000, quota)) return second;
  }
  return undefined;
}

it('lets a host send what it may for ever, and much more for a moment', () => {
  expect(cutAfter(100, quota.bytesPerSecond)).toBeUndefined();
  const meter = new HostMeter({ messages: 0, bytes: 0 }, 0);
  expect(meter.exceeds({ messages: 1_000, bytes: 0 }, 1_000, quota)).toBeUndefined();
  expect(meter.exceeds({ messages: 1_000, bytes: 0 }, 11_000, quota)).toBeUndefined();
  expect(meter.exceeds({ messages: 2_000, bytes: 0 }, 12_000, quota)).toBeUndefined();
});

it('notices a flood within seconds, the sooner the larger it is', () => {
  expect(cutAfter(1_000, 0)).toBe(2);
  expect(cutAfter(300, 0)).toBe(6);
  expect(cutAfter(0, 4 * quota.bytesPerSecond)).toBe(4);
});

it('says what was too much, in numbers', () => {
  const meter = new HostMeter({ messages: 0, bytes: 0 }, 0);
  const said = meter.exceeds({ messages: 5_000, bytes: 0 }, 1_000, quota);
  expect(said).toBe('It sent 5000 messages per second; it may send 100 for long.');
  const other = new HostMeter({ messages: 0, bytes: 0 }, 0);
  expect(other.exceeds({ messages: 0, bytes: 500 * 1_024 * 1_024 }, 2_000, quota)).toContain(
    '250 MiB per second; it may send 10',
  );
});

it('does not take a server that was restarted for a flood, nor a clock that stands for none', () => {
  const meter = new HostMeter({ messages: 1_000_000, bytes: 1_000_000 }, 0);
  expect(meter.exceeds({ messages: 50, bytes: 50 }, 1_000, quota)).toBeUndefined();
  expect(meter.exceeds({ messages: 50_000, bytes: 50 }, 1_000, quota)).toContain('messages per second');
});
