import type { Domain, Libvirt } from '@polyvirt/node-libvirt';

/** Events can be lost with a connection, so the condition is looked at in between as well. */
const LOOK_EVERY_MS = 2_000;

/** What a machine that changes is told of by: its state, its devices, its memory. */
const events = ['lifecycle', 'deviceRemoved', 'balloonChange'] as const;

/** Waits for a machine to come into a state, woken by libvirt's events. */
export class StateWaiter {
  readonly #libvirt: Libvirt;

  constructor(libvirt: Libvirt) {
    this.#libvirt = libvirt;
  }

  /** Resolves with true once the condition holds, with false when the signal aborts first. */
  async until(domain: Domain, condition: () => Promise<boolean>, signal: AbortSignal): Promise<boolean> {
    const wakeUp = new WakeUp();
    const subscriptions = await Promise.all(
      events.map((event) =>
        this.#libvirt.subscribe('domain', event, ({ dom }) => {
          if (dom.uuid === domain.uuid) wakeUp.ring();
        }),
      ),
    );
    try {
      for (;;) {
        if (await condition()) return true;
        if (signal.aborted) return false;
        await wakeUp.wait(LOOK_EVERY_MS, signal);
      }
    } finally {
      await Promise.all(subscriptions.map((subscription) => subscription.close()));
    }
  }
}

/** A bell that is heard also when it rang before anybody listened. */
class WakeUp {
  #rang = false;
  #listener: (() => void) | undefined;

  ring(): void {
    this.#rang = true;
    this.#listener?.();
  }

  async wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#rang && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, timeoutMs);
        signal.addEventListener('abort', done);
        this.#listener = done;
      });
    }
    this.#listener = undefined;
    this.#rang = false;
  }
}
