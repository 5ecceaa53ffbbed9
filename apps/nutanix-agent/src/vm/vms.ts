import { nameKey, ProblemError, type NativeId } from '@polyvirt/contracts';
import { groupRows, type GroupRow } from '../client/groups.ts';
import { objectAt, objectsAt, textAt, type JsonObject } from '../client/json.ts';
import { patiently, until } from '../client/patience.ts';
import { isNotFound, type PrismClient } from '../client/prism-client.ts';
import { PrismError, PrismTimeoutError } from '../client/prism-error.ts';
import type { Pages } from '../client/paging.ts';
import { taskOf, type Tasks } from '../client/tasks.ts';
import { isComplete, isPending, nameOf, stateOf, uuidOf } from './vm-reader.ts';
import { draftOf } from './vm-draft.ts';
import { isUuid } from './uuid.ts';

export interface Patience {
  /** How long a VM may be held by another task. */
  readonly busyMs: number;
  /** How long Prism may take to show what a task has done. */
  readonly settleMs: number;
}

/** Characters that mean something in a filter, or might. */
const PLAIN_NAME = /^[A-Za-z0-9_-]+$/;

/** The VMs of a Prism Central as v3 intents: read, changed as a whole, deleted. */
export class Vms {
  readonly #client: PrismClient;
  readonly #pages: Pages;
  readonly #tasks: Tasks;
  readonly #patience: Patience;
  /** UUIDs of the last list. */
  #listed = new Set<string>();
  /** UUIDs of those made by us that no list has shown yet. */
  readonly #unlisted = new Set<string>();

  constructor(client: PrismClient, pages: Pages, tasks: Tasks, patience: Patience) {
    this.#client = client;
    this.#pages = pages;
    this.#tasks = tasks;
    this.#patience = patience;
  }

  async find(nativeId: NativeId, signal: AbortSignal): Promise<JsonObject | undefined> {
    return isUuid(nativeId) ? this.#client.find(`/vms/${nativeId}`, signal) : undefined;
  }

  async demand(nativeId: NativeId, signal: AbortSignal): Promise<JsonObject> {
    const vm = await this.find(nativeId, signal);
    if (!vm) throw new ProblemError('vm-not-found', `There is no VM ${nativeId} on this Prism Central.`);
    return vm;
  }

  /**
   * What `read` makes of each VM; it must not throw. One that was there the last time and is missing now is asked for by
   * itself: lists show VMs late, and paging loses some while others go. One that Prism does not give is left to `lost`.
   */
  async list<Read>(
    { read, lost }: { read(vm: JsonObject, isNew: boolean): Read; lost(uuid: NativeId, error: unknown): Read },
    signal: AbortSignal,
  ): Promise<Read[]> {
    const before = this.#listed;
    let isWhole = true;
    const entries = await this.#pages.read(
      '/vms',
      'vm',
      signal,
      (vm): [string, Read] => {
        const uuid = uuidOf(vm);
        return [uuid, read(vm, !before.has(uuid))];
      },
      { spoilt: () => (isWhole = false) },
    );
    const found = new Map(entries);
    // The columns know of those that the list cannot show.
    const others = isWhole ? [] : (await this.columns(['vm_name'], signal)).map(({ uuid }) => uuid);
    // Without an id nobody could ask for it again.
    found.delete('');
    for (const uuid of found.keys()) this.#unlisted.delete(uuid);
    for (const uuid of new Set([...before, ...others])) {
      if (found.has(uuid)) continue;
      try {
        const vm = await this.find(uuid, signal);
        if (vm) found.set(uuid, read(vm, false));
      } catch (error) {
        if (signal.aborted || !isOfOne(error)) throw error;
        found.set(uuid, lost(uuid, error));
      }
    }
    this.#listed = new Set(found.keys());
    return [...found.values()];
  }

  /** Every VM whole, as `pick` shortens it. */
  all<Picked>(pick: (vm: JsonObject) => Picked, signal: AbortSignal): Promise<Picked[]> {
    return this.#pages.read('/vms', 'vm', signal, pick);
  }

  /** A VM that was just made, so that a list which does not show it yet does not lose it. */
  made(uuid: string): void {
    this.#listed.add(uuid);
    this.#unlisted.add(uuid);
  }

  /** UUIDs and power of the VMs of exactly that name; names are not unique. */
  async named(name: string, signal: AbortSignal): Promise<{ uuid: string; isOff: boolean }[]> {
    const listed = await this.#listedAs(name, signal);
    for (const vm of await this.#unlistedBut(listed, signal))
      if (nameOf(vm) === name) listed.push({ uuid: uuidOf(vm), isOff: stateOf(vm) === 'stopped' });
    return listed;
  }

  /** VMs whose name counts as the same, whatever its case and the spelling of its accents. */
  async namesakes(name: string, signal: AbortSignal): Promise<{ uuid: string; name: string }[]> {
    const isSame = (other: string) => nameKey(other) === nameKey(name);
    const rows = await this.columns(['vm_name'], signal);
    // Either may lag behind: the columns, and the list, which knows a name only as it is.
    const listed = PLAIN_NAME.test(name) ? await this.#listedAs(name, signal) : [];
    const alike = rows.filter(({ values }) => isSame(values['vm_name'] ?? ''));
    const found: JsonObject[] = [];
    for (const uuid of new Set([...listed, ...alike].map((vm) => vm.uuid))) {
      const vm = await this.find(uuid, signal);
      if (vm) found.push(vm);
    }
    found.push(...(await this.#unlistedBut([...rows, ...listed], signal)));
    return found.map((vm) => ({ uuid: uuidOf(vm), name: nameOf(vm) })).filter((vm) => isSame(vm.name));
  }

  /** Those made by us that are still there and not among these. */
  async #unlistedBut(listed: readonly { uuid: string }[], signal: AbortSignal): Promise<JsonObject[]> {
    const found: JsonObject[] = [];
    for (const uuid of [...this.#unlisted]) {
      if (listed.some((vm) => vm.uuid === uuid)) continue;
      const vm = await this.find(uuid, signal);
      if (vm) found.push(vm);
      else this.#unlisted.delete(uuid);
    }
    return found;
  }

  async #listedAs(name: string, signal: AbortSignal): Promise<{ uuid: string; isOff: boolean }[]> {
    if (PLAIN_NAME.test(name)) {
      const vms = await this.#pages.all('/vms', 'vm', signal, `vm_name==${name}`);
      return vms
        .filter((vm) => nameOf(vm) === name)
        .map((vm) => ({ uuid: uuidOf(vm), isOff: stateOf(vm) === 'stopped' }));
    }
    // How a filter quotes is nowhere written, so other names are compared here.
    const rows = await this.columns(['vm_name', 'power_state'], signal);
    return rows
      .filter(({ values }) => values['vm_name'] === name)
      .map(({ uuid, values }) => ({ uuid, isOff: values['power_state']?.toLowerCase() !== 'on' }));
  }

  /** A few attributes of all VMs. */
  columns(attributes: readonly string[], signal: AbortSignal, filter?: string): Promise<GroupRow[]> {
    return groupRows(this.#client, { type: 'mh_vm', attributes, sortBy: 'vm_name', filter }, signal);
  }

  /**
   * Reads a VM, changes its spec and writes it back whole, so that what is not known here stays. Waits while another task
   * holds the VM, and reads anew when somebody was faster. Answers the task, or undefined when `change` had nothing to do.
   */
  async edit(
    nativeId: NativeId,
    change: (spec: JsonObject, vm: JsonObject, metadata: JsonObject) => boolean,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    return patiently(
      async () => {
        const vm = await this.#atRest(nativeId, signal);
        const draft = draftOf(vm);
        if (!change(draft.spec, vm, draft.metadata)) return undefined;
        return taskOf(await this.#client.v3('PUT', `/vms/${nativeId}`, signal, draft));
      },
      signal,
      this.#patience.busyMs,
    );
  }

  /** Posts a new VM; its UUID in use is a `PrismError` that `isTakenId` knows. */
  create(intent: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    return patiently(() => this.#client.v3('POST', '/vms', signal, intent), signal, this.#patience.busyMs);
  }

  /** Deletes a VM; answers the task, or undefined when there is none (any more). */
  async delete(nativeId: NativeId, signal: AbortSignal): Promise<string | undefined> {
    return patiently(
      async () => {
        if (!(await this.find(nativeId, signal))) return undefined;
        try {
          return taskOf(await this.#client.v3('DELETE', `/vms/${nativeId}`, signal));
        } catch (error) {
          // Some refusals come at random, so that one alone does not say that it is gone.
          if (isNotFound(error) && !(await this.find(nativeId, signal))) return undefined;
          throw error;
        }
      },
      signal,
      this.#patience.busyMs,
    );
  }

  /**
   * The task that makes a VM which a process before asked for; undefined when it is made, or will be without a task that shows.
   * @throws ProblemError `host-rejected` when it could not be made, and Prism goes on showing it
   */
  async making(vm: JsonObject, signal: AbortSignal): Promise<string | undefined> {
    if (isComplete(vm)) return undefined;
    const task = taskOf(vm) ?? (await this.#tasks.openOn(uuidOf(vm), signal))[0];
    if (task !== undefined) return task;
    if (isPending(vm)) {
      // Its task may have ended between the two looks.
      const now = await this.find(uuidOf(vm), signal);
      return now === undefined || isPending(now) ? undefined : this.making(now, signal);
    }
    const [said] = objectsAt(objectAt(vm, 'status'), 'message_list');
    throw new ProblemError(
      'host-rejected',
      `Prism: VM ${uuidOf(vm)} could not be made: ${this.#client.secrets.clean(textAt(said, 'message') ?? 'without an explanation')}. Prism Central has more in its tasks and alerts.`,
    );
  }

  /** Calls an action; waits while other tasks hold the VM. */
  action(nativeId: NativeId, action: string, body: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    return patiently(() => this.actionOnce(nativeId, action, body, signal), signal, this.#patience.busyMs);
  }

  /** Calls an action; a task that holds the VM is a conflict. */
  actionOnce(nativeId: NativeId, action: string, body: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    return this.#client.v3('POST', `/vms/${nativeId}/${action}`, signal, body);
  }

  /** The VM once Prism shows what is wanted; what a task has done can be seen a moment later only. */
  async shown(
    nativeId: NativeId,
    isWanted: (vm: JsonObject | undefined) => boolean,
    what: string,
    signal: AbortSignal,
  ): Promise<void> {
    const look = async () => isWanted(await this.find(nativeId, signal));
    if (await until(look, signal, this.#patience.settleMs)) return;
    throw new ProblemError(
      'timed-out',
      `The task has ended, but Prism does not show that VM ${nativeId} ${what}. Look at it in Prism Central, then try again.`,
    );
  }

  /**
   * Takes away all of a VM that an operation made, whatever became of it: a task that would still bring it about is aborted or
   * waited for, its power is cut, and it is deleted.
   */
  async destroy(nativeId: NativeId, signal: AbortSignal): Promise<void> {
    for (const task of await this.#tasks.openOn(nativeId, signal)) {
      await this.#tasks.abort(task);
      await this.#tasks.settled(task, signal);
    }
    const look = () => this.find(nativeId, signal);
    let vm = await look();
    // One that was made a moment ago may not show yet, and would be left behind.
    if (!vm && (await this.#tasks.hasMade(nativeId, signal))) vm = await until(look, signal, this.#patience.settleMs);
    if (!vm) return;
    // One that could not be made is in no state, and takes no change.
    if (['running', 'paused'].includes(stateOf(vm))) await this.#cutPower(nativeId, signal);
    const task = await this.delete(nativeId, signal);
    if (task !== undefined) await this.#tasks.over(task, signal);
    await this.shown(nativeId, (one) => one === undefined, 'is gone', signal);
  }

  async #cutPower(nativeId: NativeId, signal: AbortSignal): Promise<void> {
    const task = await this.edit(nativeId, powerOff, signal);
    if (task === undefined) return;
    await this.#tasks.settled(task, signal);
  }

  /** The VM when no task is under way: what one brings about is in the spec already, and not yet true. */
  async #atRest(nativeId: NativeId, signal: AbortSignal): Promise<JsonObject> {
    const vm = await this.demand(nativeId, signal);
    const task = isPending(vm) ? taskOf(vm) : undefined;
    if (task === undefined) return vm;
    const { busyMs } = this.#patience;
    const limit = AbortSignal.timeout(busyMs);
    await this.#tasks.settled(task, AbortSignal.any([signal, limit])).catch((error: unknown) => {
      if (signal.aborted || !limit.aborted) throw error;
      throw new ProblemError(
        'vm-busy',
        `The task ${task} has held the VM for ${busyMs / 1_000} s. Wait until it has ended in Prism Central, or abort it there.`,
        { cause: error },
      );
    });
    return this.demand(nativeId, signal);
  }
}

/** Whether an answer speaks of the one entity that was asked for, and not of Prism or of who asks. */
const isOfOne = (error: unknown): boolean =>
  error instanceof PrismTimeoutError ||
  (error instanceof PrismError && ![401, 429, 502, 503, 504].includes(error.status));

/** The plug, not the button. */
export function powerOff(spec: JsonObject, vm: JsonObject): boolean {
  if (stateOf(vm) === 'stopped') return false;
  const resources = objectAt(spec, 'resources');
  resources['power_state'] = 'OFF';
  resources['power_state_mechanism'] = { ...objectAt(resources, 'power_state_mechanism'), mechanism: 'HARD' };
  return true;
}

export function powerOn(spec: JsonObject, vm: JsonObject): boolean {
  if (stateOf(vm) === 'running') return false;
  objectAt(spec, 'resources')['power_state'] = 'ON';
  return true;
}
