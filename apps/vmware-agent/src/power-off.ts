import { ProblemError } from '@polyvirt/contracts';
import { removeStaleLocks } from './host/locks.ts';
import { isLogged } from './host/vm-log.ts';
import type { Machine } from './inventory/identity.ts';
import type { Machines } from './inventory/machines.ts';
import type { Running } from './inventory/running.ts';
import type { Leases } from './network/leases.ts';
import { editDictionary } from './vmx/dictionary-file.ts';
import { achieve, LOOK_EVERY_MS, pause, type Patience } from './vmrun/achieve.ts';
import { CallDeadlineError, isNotPoweredOn, passes } from './vmrun/vmrun.problems.ts';
import type { Vmrun } from './vmrun/vmrun.ts';

/** A guest whose Tools are not up yet is asked again after so long. */
const ASK_AGAIN_MS = 1_000;

/** Turns a machine off, for who has it to itself. */
export class PowerOff {
  readonly #vmrun: Vmrun;
  readonly #machines: Machines;
  readonly #running: Running;
  readonly #leases: Leases;
  readonly #patience: Patience;

  constructor(parts: { vmrun: Vmrun; machines: Machines; running: Running; leases: Leases; patience: Patience }) {
    this.#vmrun = parts.vmrun;
    this.#machines = parts.machines;
    this.#running = parts.running;
    this.#leases = parts.leases;
    this.#patience = parts.patience;
  }

  /** Off, whatever it is now. A VM that is suspended is left as it is. */
  async cut(machine: Machine, signal: AbortSignal): Promise<void> {
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

  /** Throws `timed-out` when the guest is on after that time. */
  async askGuest(machine: Machine, timeoutSeconds: number, signal: AbortSignal): Promise<void> {
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
}
