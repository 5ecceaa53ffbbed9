export interface KeepaliveOptions {
  /** Silence after which a PING is sent. */
  intervalMs: number;
  /** PINGs without any answer after which the connection counts as dead. */
  count: number;
  /**
   * Has the daemon ask as well over a Unix socket, as it does over a network, and end the connection of a client that does not
   * answer: by default after 30 s. Otherwise the events for a client that is frozen pile up in the daemon's memory. A client that is
   * kept from running for so long has to connect again.
   */
  byDaemon?: boolean;
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
