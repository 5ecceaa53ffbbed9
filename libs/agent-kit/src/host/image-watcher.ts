import { Logger } from '@nestjs/common';
import type { HypervisorDriver } from '@polyvirt/hypervisor';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostKeeper } from './host-keeper.ts';

const retryAfterMs = 1_000;

const log = new Logger('Images');

/** Lists the images anew when the driver says that they may have changed, so that a new one shows before the next beat. */
export class ImageWatcher {
  #watching: Promise<void> = Promise.resolve();

  constructor(
    private readonly driver: HypervisorDriver,
    private readonly keeper: HostKeeper,
    private readonly signal: AbortSignal,
    /** After a look the next one waits so long: an image that is being copied changes all the time. */
    private readonly calmMs: number,
  ) {}

  start(): void {
    this.#watching = this.#watch();
  }

  /** Resolves when the signal has aborted and nothing is looked at any more. */
  stopped(): Promise<void> {
    return this.#watching;
  }

  async #watch(): Promise<void> {
    const { images } = this.driver;
    while (images?.changes && !this.signal.aborted) {
      try {
        for await (const _ of images.changes(this.signal)) {
          await this.keeper.refreshImages();
          await this.#pause(this.calmMs);
        }
      } catch (error) {
        // The beat of the reconciliation mends what was missed here.
        if (!this.signal.aborted) log.warn(`Could not watch the images: ${(error as Error).message}`);
      }
      await this.#pause(retryAfterMs);
    }
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.signal }).catch(() => undefined);
  }
}
