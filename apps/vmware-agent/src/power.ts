import type { Forecast, NativeId, StopVm, VmAction } from '@polyvirt/contracts';
import { lookFirst, type Effect, type Journal, type OperationContext, type SuspendFacet } from '@polyvirt/hypervisor';
import { discardSavedMemory, savedMemoryOf } from './disks/saved-memory.ts';
import type { Machine } from './inventory/identity.ts';
import type { Machines } from './inventory/machines.ts';
import type { PowerOffWork } from './inventory/power-off-work.ts';
import type { Running } from './inventory/running.ts';
import { PowerOff } from './power-off.ts';
import { demandNoWindow, PowerOn, type PowerParts } from './power-on.ts';
import { achieve, type Patience } from './vmrun/achieve.ts';
import type { Vmrun } from './vmrun/vmrun.ts';

/** The last step of an operation that makes a machine and starts it. */
export const powerOnStep = { name: 'power on', native: 'vmrun start nogui' } as const;

/** Power of a machine. Each method looks first, so that `unchanged` is a fact and a repeated command is harmless. */
export class Power implements SuspendFacet {
  readonly #vmrun: Vmrun;
  readonly #machines: Machines;
  readonly #running: Running;
  readonly #powerOffWork: PowerOffWork;
  readonly #patience: Patience;
  readonly #on: PowerOn;
  readonly #off: PowerOff;

  constructor(parts: PowerParts) {
    this.#vmrun = parts.vmrun;
    this.#machines = parts.machines;
    this.#running = parts.running;
    this.#powerOffWork = parts.powerOffWork;
    this.#patience = parts.patience;
    this.#off = new PowerOff(parts);
    this.#on = new PowerOn({ ...parts, off: this.#off });
  }

  async start(nativeId: NativeId, context: OperationContext): Promise<Effect> {
    const machine = await this.#machines.demandOpen(nativeId);
    return this.#unless('start', machine, context.journal, () => this.#powerOnStep(machine, context));
  }

  /** Throws what any power verb would be refused for and the record of the machine does not show. */
  async plan(nativeId: NativeId): Promise<Forecast> {
    await this.#machines.demandOpen(nativeId);
    return {};
  }

  async planStart(nativeId: NativeId): Promise<Forecast> {
    await demandNoWindow(await this.#machines.demandOpen(nativeId));
    return { steps: [powerOnStep] };
  }

  async stop(nativeId: NativeId, input: StopVm, context: OperationContext): Promise<Effect> {
    const machine = await this.#machines.demandOpen(nativeId);
    return this.#unless(input.force ? 'stop-force' : 'stop', machine, context.journal, () =>
      this.#shutDown(machine, input, context),
    );
  }

  async restart(nativeId: NativeId, input: StopVm, context: OperationContext): Promise<Effect> {
    const machine = await this.#machines.demandOpen(nativeId);
    await this.#look(input.force ? 'restart-force' : 'restart', machine, context.journal);
    await this.#shutDown(machine, input, context);
    await this.#powerOnStep(machine, context);
    return 'changed';
  }

  async reset(nativeId: NativeId, context: OperationContext): Promise<Effect> {
    const { journal, signal } = context;
    const machine = await this.#machines.demandOpen(nativeId);
    await this.#look('reset', machine, journal);
    await journal.step({
      name: 'press reset',
      native: 'vmrun reset hard',
      once: true,
      act: () =>
        this.#vmrun.alone([machine.vmx], async () => {
          let isPressed = false;
          await achieve(
            {
              what: 'the VM was reset',
              signal,
              isDone: async () => isPressed,
              act: async () => {
                await this.#vmrun.change(['reset', machine.vmx, 'hard'], { deadline: 'power', signal });
                isPressed = true;
              },
            },
            this.#patience,
          );
          this.#running.notePaused(nativeId, false);
        }),
    });
    // Some hosts leave it off.
    await this.#powerOnStep(machine, context);
    return 'changed';
  }

  async suspend(nativeId: NativeId, { journal, signal }: OperationContext): Promise<Effect> {
    const machine = await this.#machines.demandOpen(nativeId);
    return this.#unless('suspend', machine, journal, () =>
      journal.step({
        name: 'save the memory',
        native: 'vmrun suspend hard',
        act: () =>
          this.#vmrun.alone([machine.vmx], async () => {
            await achieve(
              {
                what: 'the VM is suspended',
                signal,
                isDone: async (freshness) => (await this.#machines.state(machine, freshness)) === 'suspended',
                act: () => this.#vmrun.change(['suspend', machine.vmx, 'hard'], { deadline: 'state', signal }),
              },
              this.#patience,
            );
          }),
      }),
    );
  }

  async pause(nativeId: NativeId, { journal, signal }: OperationContext): Promise<Effect> {
    const machine = await this.#machines.demandOpen(nativeId);
    return this.#unless('pause', machine, journal, () =>
      journal.step({
        name: 'pause',
        native: 'vmrun pause',
        act: () => this.#setPaused(machine, true, signal),
      }),
    );
  }

  async resume(nativeId: NativeId, context: OperationContext): Promise<Effect> {
    const { journal, signal } = context;
    const machine = await this.#machines.demandOpen(nativeId);
    return this.#unless('resume', machine, journal, () =>
      journal.step({
        name: 'resume',
        native: 'vmrun unpause',
        act: async () => {
          if ((await this.#machines.state(machine, 'recent')) === 'paused')
            await this.#setPaused(machine, false, signal);
          else await this.#vmrun.alone([machine.vmx], () => this.#on.power(machine, signal));
        },
      }),
    );
  }

  /** For a new machine, within the operation that makes it. */
  powerOnNew(machine: Machine, context: OperationContext): Promise<void> {
    return context.journal.step({
      ...powerOnStep,
      act: () => this.#vmrun.alone([machine.vmx], () => this.#on.power(machine, context.signal)),
      undo: (signal) => this.cutPower(machine, signal),
    });
  }

  /** For who goes on with a machine where a snapshot or a restart left it. */
  powerOn(machine: Machine, signal: AbortSignal): Promise<void> {
    return this.#vmrun.alone([machine.vmx], () => this.#on.power(machine, signal));
  }

  /** Off, whatever it is now; of a machine that is gone, nothing. */
  cutPower(machine: Machine, signal: AbortSignal): Promise<void> {
    return this.#vmrun.alone([machine.vmx], async () => {
      if (await this.#machines.find(machine.nativeId)) await this.#off.cut(machine, signal);
    });
  }

  #powerOnStep(machine: Machine, { journal, signal }: OperationContext): Promise<void> {
    return journal.step({
      ...powerOnStep,
      act: () => this.#vmrun.alone([machine.vmx], () => this.#on.power(machine, signal)),
    });
  }

  async #shutDown(
    machine: Machine,
    { force, timeoutSeconds }: StopVm,
    { journal, signal }: OperationContext,
  ): Promise<void> {
    if (force && (await this.#discardSavedMemory(machine, journal))) return;
    await journal.step({
      name: force ? 'cut the power' : 'ask the guest to shut down',
      native: force ? 'vmrun stop hard' : 'vmrun stop soft',
      act: () =>
        this.#vmrun.alone([machine.vmx], async () => {
          if (force) await this.#off.cut(machine, signal);
          else await this.#off.askGuest(machine, timeoutSeconds, signal);
          await this.#powerOffWork.finishAlone(machine);
        }),
    });
  }

  /** Of a VM that is suspended. Which file it was is noted first, as then nothing names it any more. */
  async #discardSavedMemory(machine: Machine, journal: Journal): Promise<boolean> {
    const file = await journal.step({
      name: 'look for saved memory',
      // One that runs may still name what it has resumed from.
      act: async () =>
        (await this.#machines.state(machine, 'recent')) === 'suspended'
          ? ((await savedMemoryOf(machine.vmx)) ?? null)
          : null,
    });
    if (file === null) return false;
    await journal.step({
      name: 'discard the saved memory',
      act: () =>
        this.#vmrun.alone([machine.vmx], async () => {
          await discardSavedMemory(machine.vmx, file);
          await this.#powerOffWork.finishAlone(machine);
        }),
    });
    return true;
  }

  async #setPaused(machine: Machine, isPaused: boolean, signal: AbortSignal): Promise<void> {
    const { vmx, nativeId } = machine;
    const wanted = isPaused ? 'paused' : 'running';
    await this.#vmrun.alone([vmx], async () => {
      await achieve(
        {
          what: isPaused ? 'the VM is paused' : 'the VM goes on',
          signal,
          isDone: async (freshness) => (await this.#machines.state(machine, freshness)) === wanted,
          act: async () => {
            await this.#vmrun.change([isPaused ? 'pause' : 'unpause', vmx], { deadline: 'power', signal });
            // Where there is no vmcli, nothing else knows.
            this.#running.notePaused(nativeId, isPaused);
          },
        },
        this.#patience,
      );
    });
  }

  async #unless(action: VmAction, machine: Machine, journal: Journal, change: () => Promise<void>): Promise<Effect> {
    if ((await this.#look(action, machine, journal)) === 'already') return 'unchanged';
    await change();
    return 'changed';
  }

  #look(action: VmAction, machine: Machine, journal: Journal): Promise<'already' | 'go'> {
    return lookFirst(action, journal, { native: 'vmrun list', state: () => this.#machines.standing(machine) });
  }
}
