import { Logger } from '@nestjs/common';

/** Does something at regular intervals, never twice at the same time: what takes longer than the interval skips a beat. */
export class Beat {
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  /** A host that is away fails at every beat; the log says so once, and when it is over. */
  #isFailing = false;

  constructor(
    name: string,
    private readonly everyMs: number,
    private readonly work: () => Promise<void> | void,
  ) {
    this.#log = new Logger(name);
  }

  /** The first time is now. */
  start(): void {
    this.#timer = setInterval(() => this.#beat(), this.everyMs);
    this.#beat();
  }

  /** Resolves when the work under way has ended. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  #beat(): void {
    this.#running ??= this.#workOnce().finally(() => {
      this.#running = undefined;
    });
  }

  async #workOnce(): Promise<void> {
    try {
      await this.work();
      if (this.#isFailing) this.#log.log('It works again.');
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) this.#log.warn(`It does not work at present: ${(error as Error).message}`);
      this.#isFailing = true;
    }
  }
}
