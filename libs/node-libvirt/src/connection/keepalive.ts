export interface KeepaliveOptions {
  /** Silence after which a PING is sent. */
  intervalMs: number;
  /** PINGs without any answer after which the connection counts as dead. */
  count: number;
}

/** Asks a silent peer whether it is still there. Anything that arrives is an answer. */
export class Keepalive {
  private readonly timer: NodeJS.Timeout;
  private heard = true;
  private unanswered = 0;

  constructor(options: KeepaliveOptions, ping: () => void, dead: () => void) {
    this.timer = setInterval(() => {
      if (this.heard) {
        this.heard = false;
        this.unanswered = 0;
        return;
      }
      if (this.unanswered >= options.count) {
        this.stop();
        dead();
        return;
      }
      this.unanswered++;
      ping();
    }, options.intervalMs);
    // The socket keeps the process alive, its supervision need not.
    this.timer.unref();
  }

  received(): void {
    this.heard = true;
  }

  stop(): void {
    clearInterval(this.timer);
  }
}
