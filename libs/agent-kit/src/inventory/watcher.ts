import { Logger } from '@nestjs/common';
import type { NativeId } from '@polyvirt/contracts';
import type { Change, HypervisorDriver } from '@polyvirt/hypervisor';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Inventory } from './inventory.ts';

const retryAfterMs = 1_000;

const log = new Logger('Watcher');

/** Looks at what the driver says has changed: at once, and after a burst once more. */
export class Watcher {
  /** What is being looked at; true when it changed again meanwhile. */
  readonly #busy = new Map<NativeId | 'everything', boolean>();
  readonly #looking = new Set<Promise<void>>();
  #watching: Promise<void> = Promise.resolve();

  constructor(
    private readonly driver: HypervisorDriver,
    private readonly inventory: Inventory,
    private readonly signal: AbortSignal,
    /** After a look at a VM the next one waits so long, so that a burst of changes is one look. */
    private readonly calmMs: number,
  ) {}

  start(): void {
    this.#watching = this.#watch();
  }

  /** Resolves when the signal has aborted and nothing is looked at any more. */
  async stopped(): Promise<void> {
    await this.#watching;
    await Promise.all(this.#looking);
  }

  async #watch(): Promise<void> {
    const { watch } = this.driver;
    let isFailing = false;
    while (watch && !this.signal.aborted) {
      try {
        for await (const change of watch.changes(this.signal)) {
          isFailing = false;
          this.#notice(change);
        }
      } catch (error) {
        if (!this.signal.aborted && !isFailing) log.error(error, 'Watching begins again.');
        isFailing = true;
      }
      if (this.signal.aborted) return;
      await sleep(retryAfterMs, undefined, { signal: this.signal }).catch(() => {});
      this.#notice('everything');
    }
  }

  #notice(change: Change): void {
    const what = change === 'everything' ? change : change.nativeId;
    if (this.#busy.has(what)) {
      this.#busy.set(what, true);
      return;
    }
    this.#busy.set(what, false);
    const looking = this.#lookUntilCalm(what).finally(() => this.#looking.delete(looking));
    this.#looking.add(looking);
  }

  async #lookUntilCalm(what: NativeId | 'everything'): Promise<void> {
    for (let again = true; again && !this.signal.aborted; again = this.#busy.get(what) === true) {
      this.#busy.set(what, false);
      try {
        await (what === 'everything' ? this.inventory.reconcile() : this.inventory.notice(what));
      } catch (error) {
        // The beat of the reconciliation mends what was missed here.
        if (!this.signal.aborted) log.warn(`Could not look at ${what}: ${(error as Error).message}`);
      }
      await sleep(this.calmMs, undefined, { signal: this.signal }).catch(() => {});
    }
    this.#busy.delete(what);
  }
}
