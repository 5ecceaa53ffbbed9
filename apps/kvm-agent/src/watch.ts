import { ChangeQueue, type Change, type WatchFacet } from '@polyvirt/hypervisor';
import { DomainLifecycle, isNotFound, type Domain, type Libvirt, type Subscription } from '@polyvirt/node-libvirt';
import type { Machines } from './domain/machines.ts';
import { changeOwnMetadata } from './domain/own-metadata.ts';
import type { Networks } from './networks.ts';
import type { PowerOffWork } from './power-off-work.ts';

/** libvirt announces no leases, so they are asked for while a machine that was just started has no address. */
const LEASE_EVERY_MS = 1_000;
const LEASE_PATIENCE_MS = 180_000;

/** Changes of machines by libvirt's events, our own among them. */
export class DomainWatch implements WatchFacet {
  readonly #libvirt: Libvirt;
  readonly #machines: Machines;
  readonly #networks: Networks;
  readonly #powerOffWork: PowerOffWork;

  constructor({
    libvirt,
    machines,
    networks,
    powerOffWork,
  }: {
    libvirt: Libvirt;
    machines: Machines;
    networks: Networks;
    powerOffWork: PowerOffWork;
  }) {
    this.#libvirt = libvirt;
    this.#machines = machines;
    this.#networks = networks;
    this.#powerOffWork = powerOffWork;
  }

  async *changes(signal: AbortSignal): AsyncGenerator<Change> {
    const queue = new ChangeQueue();
    const awaiting = new Map<string, number>();
    const touched = ({ dom }: { dom: { uuid: string } }) => queue.push({ nativeId: dom.uuid });
    const everything = () => queue.push('everything');
    const close = () => queue.close();

    const subscriptions: Subscription[] = [];
    let isLooking = false;
    const poll = setInterval(() => {
      // A look that waits for a machine is not joined by the next one.
      if (isLooking) return;
      isLooking = true;
      void this.#lookForLeases(awaiting, queue).finally(() => (isLooking = false));
    }, LEASE_EVERY_MS);
    this.#libvirt.on('reconnected', everything);
    signal.addEventListener('abort', close, { once: true });
    try {
      subscriptions.push(
        await this.#libvirt.subscribe('domain', 'lifecycle', ({ dom, event }) => {
          if (event === DomainLifecycle.STARTED) {
            awaiting.set(dom.uuid, Date.now() + LEASE_PATIENCE_MS);
            this.#forgetCrash(dom.uuid);
          }
          if (event === DomainLifecycle.STOPPED) {
            awaiting.delete(dom.uuid);
            // What waited for this; a failure shows as a change that goes on waiting.
            void this.#powerOffWork.apply(this.#libvirt.domains.reference(dom.uuid)).then(
              (applied) => applied && queue.push({ nativeId: dom.uuid }),
              () => queue.push({ nativeId: dom.uuid }),
            );
          }
          queue.push({ nativeId: dom.uuid });
        }),
        ...(await Promise.all([
          this.#libvirt.subscribe('domain', 'deviceAdded', touched),
          this.#libvirt.subscribe('domain', 'deviceRemoved', touched),
          this.#libvirt.subscribe('domain', 'balloonChange', touched),
          this.#libvirt.subscribe('domain', 'blockJob2', touched),
          this.#libvirt.subscribe('domain', 'metadataChange', touched),
          this.#libvirt.subscribe('domain', 'agentLifecycle', touched),
        ])),
      );
      for (const { uuid } of await this.#libvirt.domains.list({ active: true })) {
        awaiting.set(uuid, Date.now() + LEASE_PATIENCE_MS);
        this.#forgetCrash(uuid);
      }
      // What happened before the subscriptions stood.
      yield 'everything';
      yield* queue;
    } finally {
      clearInterval(poll);
      this.#libvirt.off('reconnected', everything);
      signal.removeEventListener('abort', close);
      await Promise.all(subscriptions.map((subscription) => subscription.close()));
    }
  }

  /** Whoever started it: the crash that was settled by a forced stop is over, and the next one is another. */
  #forgetCrash(uuid: string): void {
    // What it fails by, a list finds too.
    void changeOwnMetadata(this.#libvirt.domains.reference(uuid), { crashSettled: false }).catch(() => undefined);
  }

  /** Reports the machines that got an address, and forgets those that had long enough. */
  async #lookForLeases(awaiting: Map<string, number>, queue: ChangeQueue): Promise<void> {
    if (awaiting.size === 0) return;
    const leases = await this.#networks.leases().catch(() => undefined);
    // Nobody knows now; they are looked for again.
    if (!leases) return;
    for (const [uuid, until] of awaiting) {
      const macs = await this.#macs(this.#libvirt.domains.reference(uuid));
      const complete = Array.isArray(macs) && macs.every((mac) => leases.has(mac));
      if (complete && macs.length > 0) queue.push({ nativeId: uuid });
      if (complete || macs === 'gone' || Date.now() > until) awaiting.delete(uuid);
    }
  }

  /** One that cannot be read now is asked again. */
  async #macs(domain: Domain): Promise<string[] | 'gone' | 'unread'> {
    try {
      return (await this.#machines.liveDefinition(domain)).nics.map(({ mac }) => mac);
    } catch (error) {
      return isNotFound(error) ? 'gone' : 'unread';
    }
  }
}
