import { hindranceTo, ProblemError, type NativeId, type StopVm, type VmAction } from '@polyvirt/contracts';
import { lookFirst, type Effect, type Journal, type OperationContext, type SuspendFacet } from '@polyvirt/hypervisor';
import { LibvirtError, type Domain, type Libvirt } from '@polyvirt/node-libvirt';
import { changeOwnMetadata } from './domain/own-metadata.ts';
import { isOn } from './domain/states.ts';
import type { Machines } from './domain/machines.ts';
import type { PowerOffWork } from './power-off-work.ts';
import type { StateWaiter } from './state-waiter.ts';
import { refuseTransient } from './transient.ts';

/** A guest that has not booted far enough misses the power button, so it is pressed again. */
const PRESS_AGAIN_MS = 5_000;
/** virDomainLifecycle and virDomainModificationImpact. */
const POWEROFF = 0;
const LIVE = 1;
/** virDomainLifecycleAction, by number. */
const lifecycleActions = ['destroy', 'restart', 'rename-restart', 'preserve', 'coredump-destroy', 'coredump-restart'];
const DESTROY = 'destroy';

/** Power of a machine. Each method looks first, so that `unchanged` is a fact and a repeated command is harmless. */
export class Power implements SuspendFacet {
  readonly #libvirt: Libvirt;
  readonly #machines: Machines;
  readonly #powerOffWork: PowerOffWork;
  readonly #waiter: StateWaiter;

  constructor({
    libvirt,
    machines,
    powerOffWork,
    waiter,
  }: {
    libvirt: Libvirt;
    machines: Machines;
    powerOffWork: PowerOffWork;
    waiter: StateWaiter;
  }) {
    this.#libvirt = libvirt;
    this.#machines = machines;
    this.#powerOffWork = powerOffWork;
    this.#waiter = waiter;
  }

  async start(nativeId: NativeId, { journal }: OperationContext): Promise<Effect> {
    const domain = await this.#machines.domain(nativeId);
    return this.#unless('start', domain, journal, undefined, () =>
      journal.step({
        name: 'power on',
        native: 'domain_create_with_flags',
        act: () => this.#powerOn(domain),
      }),
    );
  }

  async stop(nativeId: NativeId, input: StopVm, context: OperationContext): Promise<Effect> {
    const domain = await this.#machines.domain(nativeId);
    return this.#unless(input.force ? 'stop-force' : 'stop', domain, context.journal, 'stop', () =>
      this.#shutDown(domain, input, context),
    );
  }

  async restart(nativeId: NativeId, input: StopVm, context: OperationContext): Promise<Effect> {
    const domain = await this.#machines.domain(nativeId);
    await this.#look(input.force ? 'restart-force' : 'restart', domain, context.journal, 'restart');
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
    await journal.step({
      name: 'let it run',
      native: 'domain_resume',
      // Of a paused machine the button alone makes one that waits at its first instruction.
      act: async () => {
        if ((await this.#machines.state(domain)) === 'paused') await domain.resume();
      },
    });
    return 'changed';
  }

  async suspend(nativeId: NativeId, { journal }: OperationContext): Promise<Effect> {
    const domain = await this.#machines.domain(nativeId);
    return this.#unless('suspend', domain, journal, 'suspend', () =>
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
    return this.#unless('pause', domain, journal, undefined, () =>
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
    return this.#unless('resume', domain, journal, undefined, () =>
      journal.step({
        name: 'resume',
        native: 'domain_resume',
        act: () => this.#powerOn(domain),
      }),
    );
  }

  async #powerOn(domain: Domain): Promise<void> {
    const state = await this.#machines.state(domain);
    const isActive = await domain.isActive();
    // A guest that sleeps is on for libvirt.
    if (state === 'suspended' && isActive) await domain.wakeUp();
    else if (!isOn(state)) {
      // A machine that was kept as it crashed still has its QEMU.
      if (isActive && state === 'crashed') await this.#cutPower(domain);
      await this.#powerOffWork.apply(domain);
      await changeOwnMetadata(domain, { crashSettled: false });
      await this.#machines.start(domain);
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
        // It is off all the same, and the next start says what is in the way.
        await this.#powerOffWork.apply(domain).catch(unlessOfLibvirt);
      },
    });
  }

  async #cutPower(domain: Domain): Promise<void> {
    if (await domain.hasManagedSave()) await domain.removeManagedSave();
    if (await domain.isActive()) {
      await domain.destroy().catch(async (error: unknown) => {
        // It may have ended by itself between the look and the act.
        if (await domain.isActive()) throw error;
      });
    }
    // libvirt shows a crash until the next start, whatever comes after it.
    if ((await this.#machines.state(domain)) === 'crashed') await changeOwnMetadata(domain, { crashSettled: true });
  }

  async #askGuest(domain: Domain, timeoutSeconds: number, signal: AbortSignal): Promise<void> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)]);
    const restore = await this.#letPowerOffEnd(domain);
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
      if (!deadline.aborted) continue;
      await restore();
      signal.throwIfAborted();
      throw new ProblemError(
        'timed-out',
        `The guest did not shut down within ${timeoutSeconds} s and is still on. Allow more time, or stop it with force.`,
      );
    }
  }

  /**
   * A definition may say that a guest which powers off is started again, and then no shutdown ever ends. It is to stay off
   * this time; the answer makes it as it was, for a guest that did not shut down.
   */
  async #letPowerOffEnd(domain: Domain): Promise<() => Promise<void>> {
    const onPoweroff = (await domain.isActive()) ? (await this.#machines.liveDefinition(domain)).onPoweroff : DESTROY;
    if (onPoweroff === DESTROY) return async () => {};
    const act = (action: string) =>
      this.#libvirt.call.domainSetLifecycleAction({
        dom: domain,
        type: POWEROFF,
        action: lifecycleActions.indexOf(action),
        flags: LIVE,
      });
    await act(DESTROY).catch((error: unknown) => {
      throw new ProblemError(
        'host-rejected',
        `Its definition says <on_poweroff>${onPoweroff}</on_poweroff>, so that it does not stay off when the guest shuts down, and libvirt cannot change that while it runs. Stop it with force.`,
        { cause: error },
      );
    });
    return () => act(onPoweroff).catch(() => undefined);
  }

  /** `ending` says how a transient machine would be ended by it. */
  async #unless(
    action: VmAction,
    domain: Domain,
    journal: Journal,
    ending: string | undefined,
    change: () => Promise<void>,
  ): Promise<Effect> {
    if ((await this.#look(action, domain, journal, ending)) === 'already') return 'unchanged';
    await change();
    return 'changed';
  }

  #look(action: VmAction, domain: Domain, journal: Journal, ending?: string): Promise<'already' | 'go'> {
    // Only then is the definition asked for.
    const matters = hindranceTo(action, { template: true }) !== undefined;
    return lookFirst(action, journal, {
      native: 'domain_get_state',
      state: async () => {
        if (ending !== undefined) await refuseTransient(domain, ending);
        const state = await this.#machines.state(domain);
        return matters ? { state, template: (await this.#machines.definition(domain)).template } : state;
      },
    });
  }
}

function unlessOfLibvirt(error: unknown): void {
  if (!(error instanceof LibvirtError)) throw error;
}
