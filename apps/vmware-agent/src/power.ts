import { ProblemError, type Forecast, type NativeId, type StopVm, type VmAction } from '@polyvirt/contracts';
import { lookFirst, type Effect, type Journal, type OperationContext, type SuspendFacet } from '@polyvirt/hypervisor';
import { vncEntries, type VncPorts } from './console.ts';
import { removeStaleLocks, windowOf } from './host/locks.ts';
import { failureInLog, isLogged, questionInLog } from './host/vm-log.ts';
import type { Machine } from './inventory/identity.ts';
import type { Machines } from './inventory/machines.ts';
import { orUnreadable } from './inventory/unreadable.ts';
import type { PowerOffWork } from './inventory/power-off-work.ts';
import type { Running } from './inventory/running.ts';
import type { Leases } from './network/leases.ts';
import { discardSavedMemory, savedMemoryOf } from './disks/saved-memory.ts';
import { editDictionary } from './vmx/dictionary-file.ts';
import { achieve, LOOK_EVERY_MS, pause, type Patience } from './vmrun/achieve.ts';
import { CallDeadlineError, isBlocked, isNotPoweredOn, passes, VmwareError } from './vmrun/vmrun.problems.ts';
import type { Vmrun } from './vmrun/vmrun.ts';

/** The last step of an operation that makes a machine and starts it. */
export const powerOnStep = { name: 'power on', native: 'vmrun start nogui' } as const;

/** A guest whose Tools are not up yet is asked again after so long. */
const ASK_AGAIN_MS = 1_000;

/** Power of a machine. Each method looks first, so that `unchanged` is a fact and a repeated command is harmless. */
export class Power implements SuspendFacet {
  readonly #vmrun: Vmrun;
  readonly #machines: Machines;
  readonly #running: Running;
  readonly #powerOffWork: PowerOffWork;
  readonly #ports: VncPorts;
  readonly #leases: Leases;
  readonly #patience: Patience;

  constructor(parts: {
    vmrun: Vmrun;
    machines: Machines;
    running: Running;
    powerOffWork: PowerOffWork;
    ports: VncPorts;
    leases: Leases;
    patience: Patience;
  }) {
    this.#vmrun = parts.vmrun;
    this.#machines = parts.machines;
    this.#running = parts.running;
    this.#powerOffWork = parts.powerOffWork;
    this.#ports = parts.ports;
    this.#leases = parts.leases;
    this.#patience = parts.patience;
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
          else await this.#vmrun.alone([machine.vmx], () => this.#powerOn(machine, signal));
        },
      }),
    );
  }

  /** For a new machine, within the operation that makes it. */
  powerOnNew(machine: Machine, context: OperationContext): Promise<void> {
    return context.journal.step({
      ...powerOnStep,
      act: () => this.#vmrun.alone([machine.vmx], () => this.#powerOn(machine, context.signal)),
      undo: (signal) => this.cutPower(machine, signal),
    });
  }

  /** For who goes on with a machine where a snapshot or a restart left it. */
  powerOn(machine: Machine, signal: AbortSignal): Promise<void> {
    return this.#vmrun.alone([machine.vmx], () => this.#powerOn(machine, signal));
  }

  /** Off, whatever it is now; of a machine that is gone, nothing. */
  cutPower(machine: Machine, signal: AbortSignal): Promise<void> {
    return this.#vmrun.alone([machine.vmx], async () => {
      if (await this.#machines.find(machine.nativeId)) await this.#cutPower(machine, signal);
    });
  }

  #powerOnStep(machine: Machine, { journal, signal }: OperationContext): Promise<void> {
    return journal.step({
      ...powerOnStep,
      act: () => this.#vmrun.alone([machine.vmx], () => this.#powerOn(machine, signal)),
    });
  }

  async #powerOn(machine: Machine, signal: AbortSignal): Promise<void> {
    const { vmx } = machine;
    await achieve(
      {
        what: 'the VM is on',
        signal,
        isDone: (freshness) => this.#machines.isOn(machine, freshness),
        act: async () => {
          await this.#prepare(machine);
          try {
            await this.#vmrun.change(['start', vmx, 'nogui'], { deadline: 'power', signal });
          } catch (error) {
            throw await this.#explained(machine, error, signal);
          }
        },
      },
      this.#patience,
    );
    this.#running.notePaused(machine.nativeId, false);
    this.#leases.noteTold(machine.nativeId, undefined);
  }

  async #prepare(machine: Machine): Promise<void> {
    const { vmx } = machine;
    await demandNoWindow(machine);
    // Of a machine that died; Workstation takes them for somebody who has its disks.
    await removeStaleLocks(vmx);
    // What is suspended goes on with the configuration it had.
    if ((await this.#machines.state(machine, 'recent')) === 'suspended') return;
    await this.#powerOffWork.finishAlone(machine);
    const configuration = await this.#machines.configuration(machine);
    const port = await this.#ports.choose(configuration.number('RemoteDisplay.vnc.port'));
    const isCopy = await this.#isCopy(machine);
    await editDictionary(vmx, (dictionary) => {
      if (port !== undefined) dictionary.setAll(vncEntries(port));
      // Else it asks whether it was moved or copied, and nobody is there to answer.
      if (isCopy && dictionary.get('uuid.action') === undefined) dictionary.set('uuid.action', 'create');
    });
  }

  /** Whether another machine says that it is the one at this place. */
  async #isCopy(machine: Machine): Promise<boolean> {
    const location = (await this.#machines.configuration(machine)).get('uuid.location');
    if (location === undefined) return false;
    for (const other of await this.#machines.all()) {
      if (other.nativeId === machine.nativeId) continue;
      const theirs = await orUnreadable(this.#machines.configuration(other));
      if (theirs?.get('uuid.location') === location) return true;
    }
    return false;
  }

  /** "The operation was canceled" stands for everything; the log of the VM tells what it was. */
  async #explained(machine: Machine, error: unknown, signal: AbortSignal): Promise<unknown> {
    if (!(error instanceof VmwareError || error instanceof CallDeadlineError)) return error;
    const { vmx } = machine;
    const question = await questionInLog(vmx);
    const isAsking = question !== undefined || isBlocked(error) || (await this.#hasNotBooted(machine, error));
    if (isAsking && ((await this.#machines.isOn(machine)) || (await isLogged(vmx)) === true)) {
      // Without a window it can wait for ever, and it holds its locks for as long.
      await this.#cutPower(machine, signal);
      return new ProblemError(
        'host-rejected',
        `It asks a question at power-on, so it was turned off again: ${question ?? 'vmware.log does not say which.'} Open it in the Workstation window and answer, or set msg.autoAnswer = "TRUE" in its .vmx file.`,
        { cause: error },
      );
    }
    const isVague = error instanceof VmwareError && /canceled|Unknown error|could not start/i.test(error.said);
    const reason = isVague ? ((await failureInLog(vmx)) ?? question) : undefined;
    return isVague && reason !== undefined ? new VmwareError(error.call, `${error.said}: ${reason}`) : error;
  }

  /** Of a start that does not answer: Workstation writes this when the machine goes on, so one without it waits for something. */
  async #hasNotBooted(machine: Machine, error: unknown): Promise<boolean> {
    if (!(error instanceof CallDeadlineError)) return false;
    return !/^false$/i.test((await this.#machines.configuration(machine)).get('cleanShutdown') ?? '');
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
          if (force) await this.#cutPower(machine, signal);
          else await this.#askGuest(machine, timeoutSeconds, signal);
          await this.#powerOffWork.finishAlone(machine);
        }),
    });
  }

  /** Of a VM that is suspended. Which file it was is noted first, as then nothing names it any more. */
  async #discardSavedMemory(machine: Machine, journal: Journal): Promise<boolean> {
    const file = await journal.step({
      name: 'look for saved memory',
      act: async () => (await savedMemoryOf(machine.vmx)) ?? null,
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

  async #cutPower(machine: Machine, signal: AbortSignal): Promise<void> {
    const { vmx, nativeId } = machine;
    if ((await this.#machines.state(machine, 'recent')) !== 'crashed')
      await achieve(
        {
          what: 'the VM is off',
          signal,
          isDone: async (freshness) =>
            !(await this.#machines.isOn(machine, freshness)) && (await isLogged(vmx)) !== true,
          act: () => this.#vmrun.change(['stop', vmx, 'hard'], { deadline: 'power', signal }),
        },
        this.#patience,
      );
    this.#running.noteOff(nativeId);
    this.#leases.noteTold(nativeId, undefined);
    if ((await this.#machines.state(machine, 'recent')) !== 'crashed') return;
    await removeStaleLocks(vmx);
    await editDictionary(vmx, (dictionary) => dictionary.set('cleanShutdown', 'TRUE'));
  }

  async #askGuest(machine: Machine, timeoutSeconds: number, signal: AbortSignal): Promise<void> {
    const expiring = new AbortController();
    const expiry = expiring.signal;
    const cancelExpiry = this.#vmrun.timer.after(timeoutSeconds * 1_000, 'guest', () => expiring.abort());
    const either = AbortSignal.any([signal, expiry]);
    let reason: Error | undefined;
    try {
      while (await this.#machines.isOn(machine)) {
        try {
          await this.#vmrun.change(['stop', machine.vmx, 'soft'], { deadline: 'power', signal: either });
          if (await this.#isShownOff(machine, signal)) break;
        } catch (error) {
          either.throwIfAborted();
          // It went off by itself, or by an earlier call that gave up before the guest did.
          if (isNotPoweredOn(error) && (await this.#isShownOff(machine, signal))) break;
          // Its Tools are not up yet, or the call gave up before the guest did.
          const mayPass = passes(error) || isNotPoweredOn(error) || error instanceof CallDeadlineError;
          if (!mayPass && (await this.#machines.isOn(machine))) throw error;
          reason = error as Error;
          await pause(ASK_AGAIN_MS, either);
        }
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!expiry.aborted) throw error;
      // Its process may have ended in time, and only the list of vmrun not heard of it.
      const hasEnded = (await isLogged(machine.vmx)) === false && (await this.#isShownOff(machine, signal));
      if (!hasEnded && (await this.#machines.isOn(machine))) {
        const said = reason === undefined ? '' : ` Workstation says: ${reason.message.replace(/\.$/, '')}.`;
        throw new ProblemError(
          'timed-out',
          `The guest did not shut down within ${timeoutSeconds} s and is still on.${said} Allow more time, or stop it with force.`,
          { cause: reason },
        );
      }
    } finally {
      cancelExpiry();
    }
    this.#running.noteOff(machine.nativeId);
    this.#leases.noteTold(machine.nativeId, undefined);
  }

  /** Of a machine that vmrun has called off: its list may go on showing it for a moment. */
  async #isShownOff(machine: Machine, signal: AbortSignal): Promise<boolean> {
    const until = performance.now() + this.#patience.effectMs;
    while (await this.#machines.isOn(machine)) {
      if (performance.now() > until) return false;
      await pause(LOOK_EVERY_MS, signal);
    }
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
    return lookFirst(action, journal, { native: 'vmrun list', state: () => this.#machines.state(machine) });
  }
}

async function demandNoWindow({ vmx }: Machine): Promise<void> {
  const window = await windowOf(vmx);
  if (window)
    throw new ProblemError(
      'wrong-state',
      `It is open in a Workstation window (process ${window.pid}). Close its tab there first.`,
    );
}
