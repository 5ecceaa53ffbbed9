import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { ProblemError } from '@polyvirt/contracts';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { TIMES, type GatewayTimes } from '../times.ts';
import { budgetOf, type Spender } from './budget.ts';
import { FairQueue } from './fair-queue.ts';
import { neighbourhoodOf, networkOf } from './neighbourhood.ts';

/** The limit is of requests per second, but a burst may use up this many seconds of it at once. */
const burstSeconds = 10;
const loginWindowSeconds = 15 * 60;
/**
 * Attempts within the window that are not known to be good: for one account from one place, and from one address for all of
 * them. A place is an address, a browser in which the user has logged in before, or a session.
 */
const failuresPerPlace = 10;
const failuresPerAddress = 50;
/** For one account from all places that are new to it. Beyond that they are not refused, which would lock its owner out, but wait. */
const failuresBeforeWaiting = 50;
const mostWaiting = 100;
/** Verifying a password is slow on purpose, so good attempts are limited too. */
const attemptsPerMinute = 120;
/** What is nobody's act is recorded so often for each address, so that it cannot fill the audit. */
const recordsPerMinute = 60;

/** Limits of this gateway, kept in its memory. */
@Injectable()
export class RateLimits implements BeforeApplicationShutdown {
  private readonly requests: RateLimiterMemory | undefined;
  private readonly attempts = limiter('attempts', attemptsPerMinute, 60);
  private readonly records = limiter('records', recordsPerMinute, 60);
  private readonly byPlace = limiter('place', failuresPerPlace, loginWindowSeconds);
  private readonly byAccount = limiter('account', failuresBeforeWaiting, loginWindowSeconds);
  private readonly queues = new Map<string, FairQueue>();
  private readonly byAddress = limiter('address', failuresPerAddress, loginWindowSeconds);

  private readonly guessWaitMs: number;
  private isStopped = false;

  constructor(@Inject(CONFIG) { rateLimit }: GatewayConfig, @Inject(TIMES) { guessWaitMs }: GatewayTimes) {
    this.guessWaitMs = guessWaitMs;
    this.requests = rateLimit === 0 ? undefined : limiter('requests', rateLimit * burstSeconds, burstSeconds);
  }

  /** Those who wait would hold it up. */
  beforeApplicationShutdown(): void {
    this.isStopped = true;
    for (const queue of this.queues.values()) queue.close();
  }

  /** Counts one request of who has said who they are. Throws `too-many-requests`. */
  async admit(caller: Spender): Promise<void> {
    await this.count(budgetOf(caller));
  }

  /** Counts one request of who has not. Throws `too-many-requests`. */
  async admitUnknown(address: string): Promise<void> {
    await this.count(`address ${neighbourhoodOf(address)}`);
  }

  /** One more who wants a password looked at, which is slow on purpose. Throws `too-many-requests`. */
  async admitAttempt(address: string): Promise<void> {
    await take(this.attempts, neighbourhoodOf(address), 'Too many log-ins from this address.');
  }

  /**
   * Before a password is looked at. Throws `too-many-requests` after too many wrong ones from the same place: guesses lock out who
   * makes them and nobody else. An attempt counts as a wrong one until it has turned out well, so that many at once get no further
   * than many in a row.
   */
  async admitGuess(guess: Guess): Promise<void> {
    const { account, place, address, isKnown } = guess;
    await take(this.byPlace, `${account}\0${place}`, 'Too many failed log-ins for this account from here.');
    if (isKnown) return;
    await take(this.byAddress, neighbourhoodOf(address), 'Too many failed log-ins from this address.');
    try {
      await this.byAccount.consume(account);
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      await this.wait(guess);
    }
  }

  async guessWasRight({ account, place, address, isKnown }: Guess): Promise<void> {
    await this.byPlace.delete(`${account}\0${place}`);
    if (isKnown) return;
    await this.byAddress.reward(neighbourhoodOf(address));
    await this.byAccount.reward(account);
  }

  /** Whether there is room for one more record of something that anybody can make happen. */
  async mayRecord(address: string): Promise<boolean> {
    return this.records.consume(neighbourhoodOf(address)).then(
      () => true,
      () => false,
    );
  }

  private async count(key: string): Promise<void> {
    if (this.requests) await take(this.requests, key, 'You send more requests than the limit allows.');
  }

  /** One after the other, at a pace that makes guessing hopeless. */
  private async wait({ account, place, address }: Guess): Promise<void> {
    if (!this.isStopped && (await this.queueOf(account).wait([networkOf(address), place]))) return;
    // Nobody looks at the password, so it counts for nothing.
    await this.byPlace.reward(`${account}\0${place}`);
    await this.byAddress.reward(neighbourhoodOf(address));
    await this.byAccount.reward(account);
    throw tooMany('Too many log-ins of this account are waiting.', this.guessWaitMs);
  }

  private queueOf(account: string): FairQueue {
    const known = this.queues.get(account);
    if (known) return known;
    const onEmpty = () => void this.queues.delete(account);
    const queue = new FairQueue({ paceMs: this.guessWaitMs, most: mostWaiting, onEmpty });
    this.queues.set(account, queue);
    return queue;
  }
}

/** An attempt to log in to an account. */
export interface Guess {
  /** Of the user that was found, or the name for which there is none. */
  readonly account: string;
  readonly place: string;
  readonly address: string;
  /** Whether the user has logged in from that place before. */
  readonly isKnown: boolean;
}

const limiter = (keyPrefix: string, points: number, duration: number) =>
  new RateLimiterMemory({ keyPrefix, points, duration });

async function take(limiter: RateLimiterMemory, key: string, detail: string): Promise<void> {
  try {
    await limiter.consume(key);
  } catch (refusal) {
    throw refusal instanceof RateLimiterRes ? tooMany(detail, refusal.msBeforeNext) : refusal;
  }
}

function tooMany(what: string, ms: number): ProblemError {
  const retryAfterSeconds = Math.max(1, Math.ceil(ms / 1_000));
  return new ProblemError('too-many-requests', `${what} Try again in ${retryAfterSeconds} s.`, { retryAfterSeconds });
}
