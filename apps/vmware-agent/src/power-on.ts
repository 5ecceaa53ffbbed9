import { ProblemError } from '@polyvirt/contracts';
import { vncEntries, type VncPorts } from './console.ts';
import { removeStaleLocks, windowOf } from './host/locks.ts';
import { failureInLog, isLogged, questionInLog } from './host/vm-log.ts';
import type { Machine } from './inventory/identity.ts';
import type { Machines } from './inventory/machines.ts';
import { orUnreadable } from './inventory/unreadable.ts';
import type { PowerOffWork } from './inventory/power-off-work.ts';
import type { Running } from './inventory/running.ts';
import type { Leases } from './network/leases.ts';
import type { PowerOff } from './power-off.ts';
import { editDictionary } from './vmx/dictionary-file.ts';
import { achieve, type Patience } from './vmrun/achieve.ts';
import { CallDeadlineError, isBlocked, VmwareError } from './vmrun/vmrun.problems.ts';
import type { Vmrun } from './vmrun/vmrun.ts';

/** What power takes. */
export interface PowerParts {
  readonly vmrun: Vmrun;
  readonly machines: Machines;
  readonly running: Running;
  readonly powerOffWork: PowerOffWork;
  readonly ports: VncPorts;
  readonly leases: Leases;
  readonly patience: Patience;
}

/** Turns a machine on, for who has it to itself, and finds out why it does not come. */
export class PowerOn {
  readonly #vmrun: Vmrun;
  readonly #machines: Machines;
  readonly #running: Running;
  readonly #powerOffWork: PowerOffWork;
  readonly #ports: VncPorts;
  readonly #leases: Leases;
  readonly #patience: Patience;
  readonly #off: PowerOff;

  constructor(parts: PowerParts & { off: PowerOff }) {
    this.#vmrun = parts.vmrun;
    this.#machines = parts.machines;
    this.#running = parts.running;
    this.#powerOffWork = parts.powerOffWork;
    this.#ports = parts.ports;
    this.#leases = parts.leases;
    this.#patience = parts.patience;
    this.#off = parts.off;
  }

  /** Resolves when it is on. Throws `wrong-state` while a window has it open. */
  async power(machine: Machine, signal: AbortSignal): Promise<void> {
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
      await this.#off.cut(machine, signal);
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
}

/** Throws `wrong-state` while somebody has it open in a window, which keeps others from starting it. */
export async function demandNoWindow({ vmx }: Machine): Promise<void> {
  const window = await windowOf(vmx);
  if (window)
    throw new ProblemError(
      'wrong-state',
      `It is open in a Workstation window (process ${window.pid}). Close its tab there first.`,
    );
}
