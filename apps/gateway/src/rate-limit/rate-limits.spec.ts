import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { GatewayConfig } from '../config.ts';
import { productionTimes } from '../times.ts';
import { RateLimits, type Guess } from './rate-limits.ts';

/** Before those from new places wait, and of those that can wait, and wrong ones from a place, all for one account. */
const [beforeWaiting, room, each] = [50, 100, 10];

describe('guesses that have to wait', () => {
  let limits: RateLimits;
  beforeEach(() => {
    // Nobody has a turn.
    limits = new RateLimits({ rateLimit: 0 } as GatewayConfig, { ...productionTimes, guessWaitMs: 3_600_000 });
  });
  afterEach(() => limits.beforeApplicationShutdown());

  const guessFrom = (address: string): Guess => ({ account: 'ada', place: address, address, isKnown: false });

  it('count for nothing when there is no room for them', async () => {
    for (let n = 0; n < beforeWaiting; n++) await limits.admitGuess(guessFrom(`198.18.${n}.1`));
    const refused: string[] = [];
    const wait = (address: string) =>
      limits.admitGuess(guessFrom(address)).catch((error: Error) => refused.push(`${address}: ${error.message}`));
    const waiting = Array.from({ length: room }, (_, n) => wait(`198.19.0.${n}`));
    const last = wait('198.19.0.200');
    await Promise.race([...waiting, last]);
    expect(refused).toEqual([expect.stringContaining('are waiting')]);
    const [address] = refused[0]!.split(':') as [string];
    const again = Array.from({ length: each + 1 }, () => wait(address));
    // The last is one too many, and would be two if the one that found no room counted.
    await again.at(-1);
    limits.beforeApplicationShutdown();
    await Promise.all([...waiting, last, ...again]);
    expect(refused.filter((text) => text.includes('from here'))).toEqual([
      expect.stringMatching(`^${address}: .* from here`),
    ]);
  });
});
