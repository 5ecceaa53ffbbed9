import { Injectable } from '@nestjs/common';

/**
 * What time it is for all gateways of one database alike: by the clock of the bus once that is known, as those of their machines
 * may differ by minutes. Whatever one gateway writes down and another compares goes by it: leases, tickets, times to begin.
 */
@Injectable()
export class HouseClock {
  private aheadMs: () => number = () => 0;

  /** @param aheadMs  by how much the common clock is ahead of that of this machine */
  follow(aheadMs: () => number): void {
    this.aheadMs = aheadMs;
  }

  /** In ms since the epoch. */
  now(): number {
    return Date.now() + this.aheadMs();
  }
}
