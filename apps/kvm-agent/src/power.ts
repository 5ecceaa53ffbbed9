import { ProblemError, type NativeId, type StopVm, type VmAction } from '@polyvirt/contracts';
import { lookFirst, type Effect, type Journal, type OperationContext, type SuspendFacet } from '@polyvirt/hypervisor';
import type { Domain } from '@polyvirt/node-libvirt';
import { isOn } from './domain/states.ts';
import type { Machines } from './domain/machines.ts';
import type { PendingNames } from './pending-names.ts';
import type { StateWaiter } from './state-waiter.ts';

/** A guest that has not booted far enough misses the power button, so it is pressed again. */
const PRESS_AGAIN_MS = 5_000;

/** Power of a machine. Each method looks first, so that `unchanged` is a fact and a repeated command is harmless. */
export class Power implements SuspendFacet {
  readonly #machines: Machines;
  readonly #names: PendingNames;
  readonly #waiter: StateWaiter;

  constructor(machines: Machines, names: PendingNames, waiter: StateWaiter) {
    this.#machines = machines;
    this.#names = names;
    this.#waiter = waiter;
  }

  async start(nativeId: NativeId, { journal }: OperationContext): Promise<Effect> {
    const domain = await this.#machines.domain(nativeId);
    return this.#unless('start', domain, journal, () =>
      journal.step({
        name: 'power on',
        native: 'domain_create_with_flags',
        act: () => this.#powerOn(domain),
      }),
    );
  }

  async stop(nativeId: NativeId, input: StopVm, context: OperationContext): Promise<Effect> {
    const domain = await this.#machines.domain(nativeId);
    return this.#unless(input.force ? 'stop-force' : 'stop', domain, context.journal, () =>
      this.#shutDown(domain, input, context),
    );
  }

  async restart(nativeId: NativeId, input: StopVm, context: OperationContext): Promise<Effect> {
    const domain = await this.#machines.domain(nativeId);
    await this.#look(input.force ? 'restart-force' : 'restart', domain, context.journal);
    await this.#shutDown(domain, input, context);
    await context.journal.step({
      name: 'power on',
      native: 'domain_create_with_flags',
      act: () => this.#powerOn(domain),
    });
    return 'changed';
  }

  async reset(nativeId: NativeId, { journal }: OperationContext): Promise<Effect> {
    const domain = await this.#machines.domain(nativeId);
    await this.#look('reset', domain, journal);
    await journal.step({ name: 'press reset', native: 'domain_reset', once: true, act: () => domain.reset() });
    return 'changed';
  }

  async suspend(nativeId: NativeId, { journal }: OperationContext): Promise<Effect> {
    const domain = await this.#machines.domain(nativeId);
    return this.#unless('suspend', domain, journal, () =>
      journal.step({
        name: 'save the memory',
        native: 'domain_managed_save',
        act: async () => {
          if ((await this.#machines.state(domain)) !== 'suspended') await domain.managedSave();
        },
      }),
    );
  }

  async pause(nativeId: NativeId, { journal }: OperationContext): Promise<Effect> {
    const domain = await this.#machines.domain(nativeId);
    return this.#unless('pause', domain, journal, () =>
      journal.step({
        name: 'pause',
        native: 'domain_suspend',
        act: async () => {
          if ((await this.#machines.state(domain)) !== 'paused') await domain.suspend();
        },
      }),
    );
  }

  async resume(nativeId: NativeId, { journal }: OperationContext): Promise<Effect> {
    const domain = await this.#machines.domain(nativeId);
    return this.#unless('resume', domain, journal, () =>
      journal.step({
        name: 'resume',
        native: 'domain_resume',
        act: () => this.#powerOn(domain),
      }),
    );
  }

  async #powerOn(domain: Domain): Promise<void> {
    const state = await this.#machines.state(domain);
    // A guest that sleeps is on for libvirt.
    if (state === 'suspended' && (await domain.isActive())) await domain.wakeUp();
    else if (!isOn(state)) {
      await this.#names.apply(domain);
      await domain.start();
    }
    // A machine that was saved while paused comes back paused.
    if ((await this.#machines.state(domain)) === 'paused') await domain.resume();
  }

  async #shutDown(
    domain: Domain,
    { force, timeoutSeconds }: StopVm,
    { journal, signal }: OperationContext,
  ): Promise<void> {
    await journal.step({
      name: force ? 'cut the power' : 'ask the guest to shut down',
      native: force ? 'domain_destroy_flags' : 'domain_shutdown_flags',
      act: async () => {
        if (force) await this.#cutPower(domain);
        else await this.#askGuest(domain, timeoutSeconds, signal);
      },
    });
  }

  async #cutPower(domain: Domain): Promise<void> {
    if (await domain.isActive()) {
      await domain.destroy().catch(async (error: unknown) => {
        // It may have ended by itself between the look and the act.
        if (await domain.isActive()) throw error;
      });
    }
  }

  async #askGuest(domain: Domain, timeoutSeconds: number, signal: AbortSignal): Promise<void> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)]);
    while (await domain.isActive()) {
      await domain.shutdown().catch(async (error: unknown) => {
        if (await domain.isActive()) throw error;
      });
      const off = await this.#waiter.until(
        domain,
        async () => !(await domain.isActive()),
        AbortSignal.any([deadline, AbortSignal.timeout(PRESS_AGAIN_MS)]),
      );
      if (off) return;
      signal.throwIfAborted();
      if (deadline.aborted)
        throw new ProblemError(
          'timed-out',
          `The guest did not shut down within ${timeoutSeconds} s and is still on. Allow more time, or stop it with force.`,
        );
    }
  }

  async #unless(action: VmAction, domain: Domain, journal: Journal, change: () => Promise<void>): Promise<Effect> {
    if ((await this.#look(action, domain, journal)) === 'already') return 'unchanged';
    await change();
    return 'changed';
  }

  #look(action: VmAction, domain: Domain, journal: Journal): Promise<'already' | 'go'> {
    return lookFirst(action, journal, { native: 'domain_get_state', state: () => this.#machines.state(domain) });
  }
}
