import { Logger } from '@nestjs/common';

/** Does something at regular intervals, never twice at the same time: what takes longer than the interval skips a beat. */
export class Beat {
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

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
    } catch (error) {
      this.#log.warn(`It did not work this time: ${(error as Error).message}`);
    }
  }
}
