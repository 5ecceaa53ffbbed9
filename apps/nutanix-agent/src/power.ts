import { ProblemError, type NativeId, type StopVm, type VmAction } from '@polyvirt/contracts';
import { lookFirst, type Effect, type OperationContext } from '@polyvirt/hypervisor';
import { capabilities } from './capabilities.ts';
import { backOff, pause } from './client/back-off.ts';
import type { Identifiers } from './client/identifiers.ts';
import { isConflict } from './client/prism-client.ts';
import { TaskFailedError } from './client/prism-error.ts';
import { taskOf, type Tasks } from './client/tasks.ts';
import type { TaskSteps } from './lifecycle/task-steps.ts';
import { isTemplate } from './vm/template-mark.ts';
import { guestOf, resourcesOf, stateOf } from './vm/vm-reader.ts';
import { powerOff, powerOn, type Vms } from './vm/vms.ts';

/** How a guest is asked to shut down: by the power button, through guest tools, or through tools where they answer. */
export type ShutdownMechanism = 'auto' | 'acpi' | 'guest';

export interface PowerOptions {
  readonly shutdown: ShutdownMechanism;
  /** After a request that failed the next one is made so much later. */
  readonly pressAgainMs: number;
  /** Wait before the second look at a guest that was asked; it grows from there. */
  readonly lookMs: number;
}

/** Requests to a guest that can be told apart; those of a process that died among them. */
const PRESSES = 16;
/** A request that was taken on is made again when the guest is still on so much later. */
const UNHEARD_MS = 30_000;
/** How long a request that was withdrawn may go on. */
const WITHDRAWN_WITHIN_MS = 10_000;
const LOOK_MOST_MS = 2_000;

/** Power of a VM. Each method looks first, so that `unchanged` is a fact and a repeated command is harmless. */
export class Power {
  readonly #vms: Vms;
  readonly #tasks: Tasks;
  readonly #identifiers: Identifiers;
  readonly #steps: TaskSteps;
  readonly #options: PowerOptions;

  constructor(parts: { vms: Vms; tasks: Tasks; identifiers: Identifiers; steps: TaskSteps; options: PowerOptions }) {
    this.#vms = parts.vms;
    this.#tasks = parts.tasks;
    this.#identifiers = parts.identifiers;
    this.#steps = parts.steps;
    this.#options = parts.options;
  }

  async start(nativeId: NativeId, context: OperationContext): Promise<Effect> {
    if ((await this.#look('start', nativeId, context)) === 'already') return 'unchanged';
    await this.#powerOn(nativeId, context);
    return 'changed';
  }

  async stop(nativeId: NativeId, input: StopVm, context: OperationContext): Promise<Effect> {
    if ((await this.#look(input.force ? 'stop-force' : 'stop', nativeId, context)) === 'already') return 'unchanged';
    await this.#shutDown(nativeId, input, context);
    return 'changed';
  }

  async restart(nativeId: NativeId, input: StopVm, context: OperationContext): Promise<Effect> {
    await this.#look(input.force ? 'restart-force' : 'restart', nativeId, context);
    await this.#shutDown(nativeId, input, context);
    await this.#powerOn(nativeId, context);
    return 'changed';
  }

  async reset(nativeId: NativeId, context: OperationContext): Promise<Effect> {
    const { signal } = context;
    await this.#look('reset', nativeId, context);
    const [token] = await this.#identifiers.reserve(context, 1);
    await this.#steps.run(context, {
      name: 'press reset',
      native: 'POST /vms/{uuid}/reset',
      // A task of that UUID which exists is the answer, so a repeat presses nothing twice.
      ask: async () => taskOf(await this.#vms.action(nativeId, 'reset', { task_uuid: token }, signal)),
    });
    return 'changed';
  }

  #look(action: VmAction, nativeId: NativeId, { journal, signal }: OperationContext): Promise<'already' | 'go'> {
    const state = async () => {
      const vm = await this.#vms.demand(nativeId, signal);
      return { state: stateOf(vm), template: isTemplate(vm) };
    };
    return lookFirst(action, journal, { native: 'GET /vms/{uuid}', capabilities, state });
  }

  async #powerOn(nativeId: NativeId, context: OperationContext): Promise<void> {
    const { signal } = context;
    await this.#steps.run(context, {
      name: 'power on',
      native: 'PUT /vms/{uuid}',
      ask: () => this.#vms.edit(nativeId, powerOn, signal),
      shown: () => this.#vms.shown(nativeId, (vm) => vm !== undefined && stateOf(vm) === 'running', 'is on', signal),
      holds: () => this.#is('running', nativeId, signal),
    });
  }

  async #shutDown(nativeId: NativeId, { force, timeoutSeconds }: StopVm, context: OperationContext): Promise<void> {
    const { signal, journal } = context;
    if (force) {
      await this.#steps.run(context, {
        name: 'cut the power',
        native: 'PUT /vms/{uuid}',
        ask: () => this.#vms.edit(nativeId, powerOff, signal),
        shown: () => this.#vms.shown(nativeId, (vm) => vm !== undefined && stateOf(vm) === 'stopped', 'is off', signal),
        holds: () => this.#is('stopped', nativeId, signal),
      });
      return;
    }
    const tokens = await this.#identifiers.reserve(context, PRESSES);
    await journal.step({
      name: 'ask the guest to shut down',
      native: 'POST /vms/{uuid}/acpi_shutdown',
      act: () => this.#askGuest(nativeId, timeoutSeconds, tokens, signal),
    });
  }

  async #is(state: 'running' | 'stopped', nativeId: NativeId, signal: AbortSignal): Promise<boolean> {
    return stateOf(await this.#vms.demand(nativeId, signal)) === state;
  }

  /**
   * Asks until the guest is off, as one that has not booted far enough does not hear it the first time. A request that Prism
   * still waits for when the time is up is withdrawn, else the guest might go down later and the VM is held until then.
   */
  async #askGuest(
    nativeId: NativeId,
    timeoutSeconds: number,
    tokens: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const deadline = performance.now() + timeoutSeconds * 1_000;
    let reason: Error | undefined;
    for (let press = 0; ; press += 1) {
      const vm = await this.#vms.demand(nativeId, signal);
      if (stateOf(vm) === 'stopped') return;
      const answer = await this.#press(nativeId, this.#mechanism(vm, reason), tokens[press], signal);
      const task = answer instanceof Error ? undefined : answer;
      if (answer instanceof Error) reason = answer;
      try {
        const heard = await this.#untilOff(nativeId, task, deadline, signal);
        if (heard === true) return;
        reason = heard ?? reason;
      } catch (error) {
        if (task !== undefined) await this.#tasks.abort(task);
        throw error;
      }
      if (performance.now() < deadline) continue;
      if (task !== undefined) {
        await this.#tasks.abort(task);
        const limit = AbortSignal.timeout(WITHDRAWN_WITHIN_MS);
        await this.#tasks.settled(task, AbortSignal.any([signal, limit])).catch((error: unknown) => {
          if (signal.aborted || !limit.aborted) throw error;
        });
      }
      if (await this.#is('stopped', nativeId, signal)) return;
      const said = reason === undefined ? '' : ` Prism says: ${reason.message.replace(/\.$/, '')}.`;
      throw new ProblemError(
        'timed-out',
        `The guest did not shut down within ${timeoutSeconds} s and is still on.${said} Allow more time, or stop it with force.`,
        { cause: reason },
      );
    }
  }

  #mechanism(vm: Record<string, unknown>, failure: Error | undefined): 'acpi' | 'guest' {
    const { shutdown } = this.#options;
    if (shutdown !== 'auto') return shutdown;
    const hasTools = guestOf(resourcesOf(vm))?.agent === true;
    return hasTools && !(failure instanceof TaskFailedError) ? 'guest' : 'acpi';
  }

  /** The task, or why there is none: another task that holds the VM may be our own of before. */
  async #press(
    nativeId: NativeId,
    mechanism: 'acpi' | 'guest',
    token: string | undefined,
    signal: AbortSignal,
  ): Promise<string | Error | undefined> {
    try {
      const body = token === undefined ? {} : { task_uuid: token };
      return taskOf(await this.#vms.actionOnce(nativeId, `${mechanism}_shutdown`, body, signal));
    } catch (error) {
      if (isConflict(error)) return error as Error;
      throw error;
    }
  }

  /** True when the VM is off; else why it is worth asking again, if Prism says. */
  async #untilOff(
    nativeId: NativeId,
    task: string | undefined,
    deadline: number,
    signal: AbortSignal,
  ): Promise<true | Error | undefined> {
    let failure: Error | undefined;
    let until = Math.min(deadline, performance.now() + (task === undefined ? this.#options.pressAgainMs : UNHEARD_MS));
    for (let look = 0; ; look += 1) {
      if (await this.#is('stopped', nativeId, signal)) return true;
      if (performance.now() >= until) return failure;
      if (task !== undefined && failure === undefined) {
        const now = await this.#tasks.verdict(task, signal);
        if (now instanceof Error) {
          failure = now;
          until = Math.min(deadline, performance.now() + this.#options.pressAgainMs);
        }
        // Prism itself waits for the guest; only when it no longer does is it worth asking again.
        if (now === 'open') until = Math.min(deadline, performance.now() + UNHEARD_MS);
      }
      const rest = Math.max(1, until - performance.now());
      await pause(Math.min(rest, backOff(look, this.#options.lookMs, LOOK_MOST_MS)), signal);
    }
  }
}
