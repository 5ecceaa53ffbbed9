import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Clock } from './clock.ts';

const START = Date.parse('2026-01-01T00:00:00Z');

describe('the clock', () => {
  let clock: Clock;
  let rung: string[];
  const ring = (name: string) => () => void rung.push(`${name} at ${clock.now() - START}`);

  beforeEach(() => {
    jest.useFakeTimers({ now: START, doNotFake: ['setImmediate'] });
    clock = new Clock();
    rung = [];
  });
  afterEach(() => {
    clock.close();
    jest.useRealTimers();
  });

  it('is that of the machine until somebody touches it', () => {
    clock.at(START + 100, ring('one'));
    clock.at(START + 40 * 86_400_000, ring('long'));
    const cancel = clock.at(START + 50, ring('never'));
    cancel();
    jest.advanceTimersByTime(99);
    expect([clock.now() - START, rung]).toEqual([99, []]);
    jest.advanceTimersByTime(1);
    expect(rung).toEqual(['one at 100']);
    // Longer than a timer can wait.
    jest.advanceTimersByTime(40 * 86_400_000);
    expect(rung).toEqual(['one at 100', `long at ${40 * 86_400_000}`]);
  });

  it('calls nobody while it is held, not even of a time that has come, and goes on from there', async () => {
    clock.at(START + 100, ring('one'));
    await clock.hold();
    clock.at(START, ring('now'));
    jest.advanceTimersByTime(5_000);
    expect([clock.isRunning, clock.now() - START, rung]).toEqual([false, 0, []]);
    await clock.run();
    expect([clock.isRunning, clock.ahead]).toEqual([true, -5_000]);
    jest.advanceTimersByTime(99);
    expect(rung).toEqual(['now at 0']);
    jest.advanceTimersByTime(1);
    expect(rung).toEqual(['now at 0', 'one at 100']);
  });

  it('passes as far as it is told, in order, and with what is waited for on the way', async () => {
    await clock.hold();
    clock.at(START + 200, ring('two'));
    clock.at(START + 100, () => {
      ring('one')();
      void clock
        .sleep(50)
        .then(ring('slept'))
        .then(() => clock.sleep(50))
        .then(ring('again'));
    });
    clock.at(START + 301, ring('later'));
    await clock.advance(300);
    expect(rung).toEqual(['one at 100', 'slept at 150', 'two at 200', 'again at 200']);
    expect(clock.now() - START).toBe(300);
    await clock.advance(0);
    expect(rung).toHaveLength(4);
    await clock.advanceTo(START + 301);
    expect(rung.at(-1)).toBe('later at 301');
    await clock.advanceTo(START);
    expect(clock.now() - START).toBe(301);
  });

  it('passes while it runs too, and is ahead from then on', async () => {
    clock.every(1_000, ring('beat'));
    await clock.advance(2_500);
    expect([clock.isRunning, clock.ahead, rung]).toEqual([true, 2_500, ['beat at 1000', 'beat at 2000']]);
    jest.advanceTimersByTime(500);
    expect(rung.at(-1)).toBe('beat at 3000');
    expect(new Clock(2_500).now() - START).toBe(3_000);
  });

  it('is the only one that anything in the simulator looks at', () => {
    const folder = fileURLToPath(new URL('.', import.meta.url));
    const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.ts') && !/(^testing\/|\.(spec|simulator)\.ts$|^clock\.ts$)/.test(file),
    );
    expect(sources.length).toBeGreaterThan(50);
    const time = /Date\.now|new Date\(\)|Date\(\)|setTimeout|setInterval|node:timers|performance|hrtime|\.timeout\(/;
    expect(sources.filter((file) => time.test(readFileSync(join(folder, file), 'utf8')))).toEqual([]);
  });
});
