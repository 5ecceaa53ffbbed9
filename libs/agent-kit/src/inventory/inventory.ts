import { Logger } from '@nestjs/common';
import { makeEvent, publishEvent, type Bucket, type Bus } from '@polyvirt/bus';
import {
  keys,
  NativeId,
  ProblemError,
  splitKey,
  vmIdOf,
  type NativeDefinition,
  type VmRecord,
} from '@polyvirt/contracts';
import type { HypervisorDriver, ListedVm } from '@polyvirt/hypervisor';
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { AgentIdentity } from '../host/identity.ts';
import { Turns } from '../turns.ts';
import { Causes } from './causes.ts';
import { checked, failedLook, shownOf } from './unreadable.ts';
import { changesBetween, type VmChange } from './vm-changes.ts';

/** How long one look at the hypervisor may take. */
const lookWithinMs = 30_000;
const listWithinMs = 120_000;
/** VMs whose changes are published at the same time. */
const parallelLooks = 32;

/** More VMs are not deleted within the time in which the bus knows the id of an event again. */
const rememberedDeletions = 10_000;

/** A record and the revision of its key. */
export interface Known {
  readonly record: VmRecord;
  readonly revision: number;
}

/** What a look found. */
export interface Seen {
  /** Undefined when the VM is gone. */
  readonly record: VmRecord | undefined;
  /** Of the key that shows it; undefined when there is none. */
  readonly revision: number | undefined;
}

const log = new Logger('Inventory');

/**
 * The one place where events about VMs come from. Whatever gives rise to a look, the record before is compared with what
 * the host shows now, what happened is published, and then the key is put: a crash in between repeats an event and
 * loses none.
 */
export class Inventory {
  readonly causes = new Causes();
  readonly #known = new Map<NativeId, Known>();
  /** Last revision of VMs that were deleted lately: one that comes again gives other events than the first time. */
  readonly #deleted = new Map<NativeId, number>();
  /** When the last look at a VM ended since the last list began, by `performance.now()`; also at one that is gone since. */
  readonly #lookedAt = new Map<NativeId, number>();
  readonly #turns = new Turns();
  #reconciling: Promise<void> | undefined;
  #reconcileAgain = false;

  constructor(
    private readonly bus: Bus,
    private readonly bucket: Bucket<VmRecord>,
    private readonly driver: HypervisorDriver,
    private readonly identity: AgentIdentity,
    /** Ends publications when the agent stops. */
    private readonly signal: AbortSignal,
  ) {}

  /** Takes over what was known before the agent was started. */
  async seed(): Promise<void> {
    for (const { key, value, revision } of await this.bucket.entries(keys.vmsOf(this.identity.host), this.signal))
      this.#known.set(splitKey(key).id, { record: value, revision });
  }

  /** The record as it was last seen. */
  find(nativeId: NativeId): Known | undefined {
    return this.#known.get(nativeId);
  }

  get size(): number {
    return this.#known.size;
  }

  /** Every VM as it was last seen. */
  records(): VmRecord[] {
    return [...this.#known.values()].map(({ record }) => record);
  }

  /**
   * Looks at a VM now, after whoever looks at it already. One that is there and cannot be read keeps its last record, which
   * says why. Throws when the host cannot be asked.
   */
  look(nativeId: NativeId): Promise<Seen> {
    return this.#turns.in(nativeId, async () => this.#takeOver(nativeId, await this.#get(nativeId)));
  }

  /**
   * Looks at a VM that may have changed by itself, unless an operation of ours runs on it: that looks when it has ended, and
   * what a VM passes through until then, half made or between a shutdown and a power-on, is not told.
   */
  notice(nativeId: NativeId): Promise<void> {
    return this.#turns.in(nativeId, () => this.#noticeInTurn(nativeId));
  }

  /**
   * Compares the whole host. Asked for while it does, it does it once more afterwards, and that is what the answer waits
   * for. Throws when the host cannot be listed; what goes wrong with one VM stops none of the others.
   */
  reconcile(): Promise<void> {
    if (this.#reconciling) {
      this.#reconcileAgain = true;
      return this.#reconciling;
    }
    this.#reconciling = this.#reconcileUntilDone().finally(() => {
      this.#reconciling = undefined;
    });
    return this.#reconciling;
  }

  async #reconcileUntilDone(): Promise<void> {
    do {
      this.#reconcileAgain = false;
      await this.#reconcileOnce();
    } while (this.#reconcileAgain && !this.signal.aborted);
  }

  async #reconcileOnce(): Promise<void> {
    const listedAt = performance.now();
    // What is looked at from now on may be news to this list; what was looked at before is in it.
    this.#lookedAt.clear();
    const vms = await this.driver.list(this.#within(listWithinMs));
    const found = new Map(vms.filter(hasKey).map((vm) => [vm.nativeId, vm]));
    const missing = [...this.#known.keys()].filter((nativeId) => !found.has(nativeId));
    const waiting: [NativeId, ListedVm | undefined][] = [
      ...found.entries(),
      ...missing.map((nativeId): [NativeId, undefined] => [nativeId, undefined]),
    ];
    const work = async () => {
      for (let next = waiting.pop(); next !== undefined && !this.signal.aborted; next = waiting.pop())
        await this.#compare(next[0], next[1], listedAt).catch((error: unknown) => this.#forgive(next[0], error));
    };
    await Promise.all(Array.from({ length: parallelLooks }, work));
  }

  /** One VM that cannot be compared is left as it was; without bus or host none can be. */
  #forgive(nativeId: NativeId, error: unknown): void {
    const isHostAway = error instanceof ProblemError && error.code === 'host-offline';
    if (this.signal.aborted || !this.bus.isConnected || isHostAway) throw error;
    log.error(error, `cannot compare ${nativeId}`);
  }

  async #compare(nativeId: NativeId, listed: ListedVm | undefined, listedAt: number): Promise<void> {
    if (!this.#differs(nativeId, listed)) return;
    const vm = listed && checked(listed);
    await this.#turns.in(nativeId, async () => {
      // What the list says may be older than what a look has found since.
      if ((this.#lookedAt.get(nativeId) ?? 0) >= listedAt) await this.#noticeInTurn(nativeId);
      else if (!this.#isBusy(nativeId, vm)) await this.#takeOver(nativeId, vm);
    });
  }

  async #noticeInTurn(nativeId: NativeId): Promise<void> {
    const vm = await this.#get(nativeId);
    if (!this.#isBusy(nativeId, vm)) await this.#takeOver(nativeId, vm);
  }

  #isBusy(nativeId: NativeId, vm: ListedVm | undefined): boolean {
    return this.causes.of(nativeId, this.#known.has(nativeId) ? undefined : vm?.name) !== undefined;
  }

  /** Undefined when there is no such VM. */
  async #get(nativeId: NativeId): Promise<ListedVm | undefined> {
    const looking = this.driver.get(nativeId, this.#within(lookWithinMs)).then(checked);
    const vm = await looking.catch((error: unknown) => {
      if (error instanceof ProblemError && error.code === 'vm-not-found') return undefined;
      const unreadable = failedLook(this.#known.get(nativeId)?.record, error);
      if (unreadable) return unreadable;
      throw error;
    });
    this.#lookedAt.set(nativeId, performance.now());
    return vm;
  }

  #differs(nativeId: NativeId, vm: ListedVm | undefined): boolean {
    const known = this.#known.get(nativeId);
    if (!known || !vm) return known !== undefined || vm !== undefined;
    return !isDeepStrictEqual(this.#recordOf(vm, known.record), known.record);
  }

  async #takeOver(nativeId: NativeId, vm: ListedVm | undefined): Promise<Seen> {
    const before = this.#known.get(nativeId);
    const after = vm && this.#recordOf(vm, before?.record);
    if (before && after && isDeepStrictEqual(before.record, after))
      return { record: before.record, revision: before.revision };
    if (!before && !after) return { record: undefined, revision: undefined };
    // What was not read now was seen when it was last read.
    const isOld = after?.unreadable !== undefined && before !== undefined;
    const record = after && { ...after, ...(!isOld && { observedAt: new Date().toISOString() }) };
    await this.#tell(nativeId, before, record);
    const key = keys.vm(this.identity.host, nativeId);
    if (!record) {
      const revision = await this.bucket.delete(key, { signal: this.signal });
      this.#forget(nativeId, before!.revision);
      return { record: undefined, revision };
    }
    const revision = await this.bucket.put(key, record, { signal: this.signal });
    this.#known.set(nativeId, { record, revision });
    return { record, revision };
  }

  #forget(nativeId: NativeId, revision: number): void {
    this.#known.delete(nativeId);
    this.#deleted.set(nativeId, revision);
    const [oldest] = this.#deleted.keys();
    if (this.#deleted.size > rememberedDeletions && oldest !== undefined) this.#deleted.delete(oldest);
  }

  /** The record that the host's answer makes; what it does not know, and when it was seen, stay as they were. */
  #recordOf(listed: ListedVm, before: VmRecord | undefined): VmRecord {
    const { host } = this.identity;
    const vm = shownOf(listed, before);
    const now = new Date().toISOString();
    const record = {
      ...vm,
      id: vmIdOf(host, vm.nativeId),
      host,
      hypervisor: this.driver.hypervisor,
      simulated: this.driver.simulated,
      createdAt: vm.createdAt ?? before?.createdAt ?? now,
      observedAt: before?.observedAt ?? now,
    };
    // As the key will have it: without the fields that are undefined.
    return JSON.parse(JSON.stringify(record)) as VmRecord;
  }

  async #tell(nativeId: NativeId, before: Known | undefined, after: VmRecord | undefined): Promise<void> {
    const vm = after ?? before!.record;
    const cause = this.causes.of(nativeId, before ? undefined : vm.name);
    const changes = changesBetween(before?.record, after);
    const definition = changes.some(({ withDefinition }) => withDefinition)
      ? await this.#definitionOf(nativeId)
      : undefined;
    for (const change of changes) {
      const event = makeEvent(change.definition, {
        id: this.#idOf(nativeId, change, before?.revision ?? this.#deleted.get(nativeId) ?? 0),
        source: `/hosts/${this.identity.host}/agent`,
        subject: vm.id,
        data: {
          vm,
          ...change.extras,
          ...(change.withDefinition && definition && { definition }),
          ...(cause && { operationId: cause.operationId, requestedBy: cause.requestedBy }),
          ...(!before && cause?.clonedFrom !== undefined && { clonedFrom: cause.clonedFrom }),
        },
      });
      await publishEvent(this.bus, this.identity.host, event, { signal: this.signal });
    }
  }

  /** The same after a crash, as the key still has the revision that the change replaces. */
  #idOf(nativeId: NativeId, { definition, detail }: VmChange, revision: number): string {
    const what = JSON.stringify([this.identity.host, nativeId, definition.name, revision, detail]);
    return createHash('sha256').update(what).digest('base64url').slice(0, 32);
  }

  async #definitionOf(nativeId: NativeId): Promise<NativeDefinition | undefined> {
    try {
      return await this.driver.export?.definition(nativeId, this.#within(lookWithinMs));
    } catch (error) {
      // It may be gone again, and the event has to be told all the same.
      log.warn(`No definition of ${nativeId}: ${(error as Error).message}`);
      return undefined;
    }
  }

  #within(ms: number): AbortSignal {
    return AbortSignal.any([this.signal, AbortSignal.timeout(ms)]);
  }
}

/** A VM that no key can name cannot be shown; a driver that lists one has a bug, which stops none of the others. */
function hasKey({ nativeId }: ListedVm): boolean {
  const isKey = NativeId.safeParse(nativeId).success;
  if (!isKey) log.error(`The driver lists a VM of the id ${JSON.stringify(nativeId)}, which is none.`);
  return isKey;
}
