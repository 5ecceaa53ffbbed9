import type { NativeId } from '@polyvirt/contracts';
import type { OperationContext } from '@polyvirt/hypervisor';
import type { JsonObject } from '../client/json.ts';
import type { PrismClient } from '../client/prism-client.ts';
import { isTemplate, markTemplate } from '../vm/template-mark.ts';
import { isPending, resourcesOf } from '../vm/vm-reader.ts';
import type { Vms } from '../vm/vms.ts';
import { copyNotes, detachShared, sourceNotes, volumeGroupsOf } from './copied-hardware.ts';
import type { TaskSteps } from './task-steps.ts';
import { volumeGroupNames } from './volume-groups.ts';

/** Before anything is taken from it. */
export const compareStep = { name: 'compare it with its source', native: 'GET /vms/{uuid}' } as const;

/** What becomes of what a copy has in common with its source, once Prism has made it. */
export class Copies {
  readonly #client: PrismClient;
  readonly #vms: Vms;
  readonly #steps: TaskSteps;

  constructor(parts: { client: PrismClient; vms: Vms; steps: TaskSteps }) {
    this.#client = parts.client;
    this.#vms = parts.vms;
    this.#steps = parts.steps;
  }

  /** Takes from the copy what both would write to, before it is ever on. Answers what its author should know. */
  async settle(source: NativeId, copy: NativeId, context: OperationContext): Promise<string[]> {
    const { journal, signal } = context;
    const { notes, shares, isMarked } = await journal.step({
      ...compareStep,
      act: () => this.#compare(source, copy, signal),
    });
    if (isMarked)
      await this.#steps.run(context, {
        name: 'make it an ordinary VM',
        native: 'PUT /vms/{uuid}',
        ask: () => this.#vms.edit(copy, (_spec, _vm, metadata) => markTemplate(metadata, false), signal),
        shown: () =>
          this.#vms.shown(
            copy,
            (vm) => vm !== undefined && !isPending(vm) && !isTemplate(vm),
            'is no template',
            signal,
          ),
      });
    if (shares.length === 0) return notes;
    const isShared = (uuid: string) => shares.includes(uuid);
    await this.#steps.run(context, {
      name: 'detach the volume groups of its source',
      native: 'PUT /vms/{uuid}',
      ask: () => this.#vms.edit(copy, (spec) => detachShared(spec, shares), signal),
      shown: () =>
        this.#vms.shown(
          copy,
          (vm) => vm !== undefined && !isPending(vm) && !volumeGroupsOf(resourcesOf(vm)).some(isShared),
          'has no volume group of its source',
          signal,
        ),
    });
    return notes;
  }

  /** What is known of it before there is a copy. */
  async foreseen(source: JsonObject, signal: AbortSignal): Promise<string[]> {
    const groups = volumeGroupsOf(resourcesOf(source));
    return sourceNotes(source, await volumeGroupNames(this.#client, groups, signal));
  }

  async #compare(
    source: NativeId,
    copy: NativeId,
    signal: AbortSignal,
  ): Promise<{ notes: string[]; shares: string[]; isMarked: boolean }> {
    const [from, to] = [await this.#vms.find(source, signal), await this.#vms.demand(copy, signal)];
    // A copy is in the categories of its source where Prism copies them.
    const isMarked = isTemplate(to);
    if (!from) return { notes: [], shares: [], isMarked };
    const groups = volumeGroupsOf(resourcesOf(from));
    const notes = copyNotes(from, to, await volumeGroupNames(this.#client, groups, signal));
    return { notes, shares: groups.filter((uuid) => volumeGroupsOf(resourcesOf(to)).includes(uuid)), isMarked };
  }
}
