import type { Clock } from '../clock.ts';
import type { KnobSettings } from '../knobs/knob-settings.ts';
import { Refusal } from '../vms/refusal.ts';

/** Lets so many through in a second, and as many at once. */
export class TokenBucket {
  private tokens: number | undefined;
  private at = 0;

  /** False when nothing is left. A rate of 0 means no limit. */
  take(rate: number, now: number): boolean {
    if (rate <= 0) return true;
    const burst = Math.max(1, rate);
    this.tokens = this.tokens === undefined ? burst : Math.min(burst, this.tokens + ((now - this.at) / 1000) * rate);
    this.at = now;
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }
}

/** The separate limit that is reported for creating VMs. */
export class CreateRate {
  private readonly bucket = new TokenBucket();

  constructor(
    private readonly knobs: KnobSettings,
    private readonly clock: Clock,
  ) {}

  /** @throws Refusal `tooMany` */
  check(): void {
    if (!this.bucket.take(this.knobs.get('limits.createsPerSecond'), this.clock.now()))
      throw new Refusal('tooMany', 'vm', '', 'Too many requests.');
  }
}
