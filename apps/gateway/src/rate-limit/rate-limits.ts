import { Inject, Injectable } from '@nestjs/common';
import { ProblemError } from '@polyvirt/contracts';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { CONFIG, type GatewayConfig } from '../config.ts';

/** The limit is of requests per second, but a burst may use up this many seconds of it at once. */
const burstSeconds = 10;
const loginWindowSeconds = 15 * 60;
/** Attempts within the window that are not known to be good: for one account, and from one address. */
const failuresPerAccount = 10;
const failuresPerAddress = 50;
/** Verifying a password is slow on purpose, so good attempts are limited too. */
const attemptsPerMinute = 120;

/** Limits of this gateway, kept in its memory. */
@Injectable()
export class RateLimits {
  private readonly requests: RateLimiterMemory | undefined;
  private readonly attempts = limiter('attempts', attemptsPerMinute, 60);
  private readonly byAccount = limiter('account', failuresPerAccount, loginWindowSeconds);
  private readonly byAddress = limiter('address', failuresPerAddress, loginWindowSeconds);

  constructor(@Inject(CONFIG) { rateLimit }: GatewayConfig) {
    this.requests = rateLimit === 0 ? undefined : limiter('requests', rateLimit * burstSeconds, burstSeconds);
  }

  /** Counts one request of a caller. Throws `too-many-requests`. */
  async admit(caller: string): Promise<void> {
    if (this.requests) await take(this.requests, caller, 'You send more requests than the limit allows.');
  }

  /**
   * Before a password is looked at. Throws `too-many-requests` after too many wrong ones. An attempt counts as a wrong
   * one until it has turned out well, so that many at once get no further than many in a row.
   */
  async admitLogin(username: string, address: string): Promise<void> {
    await take(this.attempts, address, 'Too many log-ins from this address.');
    await take(this.byAddress, address, 'Too many failed log-ins from this address.');
    await take(this.byAccount, accountKey(username), 'Too many failed log-ins for this account.');
  }

  async loginSucceeded(username: string, address: string): Promise<void> {
    await this.byAccount.delete(accountKey(username));
    await this.byAddress.reward(address);
  }
}

const limiter = (keyPrefix: string, points: number, duration: number) =>
  new RateLimiterMemory({ keyPrefix, points, duration });

const accountKey = (username: string) => username.toLowerCase();

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
