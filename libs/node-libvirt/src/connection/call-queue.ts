/** Order in which waiting calls get a free slot. */
export type CallPriority = 'high' | 'normal' | 'low';

type Start = () => void;

/**
 * Lets at most `limit` calls be in flight. With five the daemon stops reading the socket, keepalive included, so that
 * a connection stays one below.
 */
export class CallQueue {
  private readonly waiting: Record<CallPriority, Start[]> = { high: [], normal: [], low: [] };
  private readonly limit: number;
  private taken = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get inFlight(): number {
    return this.taken;
  }

  get queued(): number {
    return this.waiting.high.length + this.waiting.normal.length + this.waiting.low.length;
  }

  /** Runs `start` now or when a slot is free. The result takes it out again, if it has not started. */
  enter(priority: CallPriority, start: Start): () => void {
    if (this.taken < this.limit) {
      this.taken++;
      start();
      return () => {};
    }
    const line = this.waiting[priority];
    line.push(start);
    return () => {
      const at = line.indexOf(start);
      if (at >= 0) line.splice(at, 1);
    };
  }

  /** A reply came: gives its slot to the next call. */
  leave(): void {
    const { high, normal, low } = this.waiting;
    const next = high.shift() ?? normal.shift() ?? low.shift();
    if (next === undefined) this.taken--;
    else next();
  }
}
