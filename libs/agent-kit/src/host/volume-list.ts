import { Logger } from '@nestjs/common';
import {
  addDisk,
  cloneVm,
  createSnapshot,
  createVm,
  deleteSnapshot,
  deleteVm,
  deleteVolume,
  detachDisk,
  dropPendingChanges,
  ProblemError,
  revertSnapshot,
  type Command,
  type Volume,
} from '@polyvirt/contracts';
import type { HypervisorDriver } from '@polyvirt/hypervisor';

const listWithinMs = 20_000;

const log = new Logger('Volumes');

/** Commands that make, move or delete disks, so that some may become volumes of the host by them, or cease to be. */
const verbs: ReadonlySet<string> = new Set(
  [
    createVm,
    cloneVm,
    deleteVm,
    addDisk,
    detachDisk,
    dropPendingChanges,
    createSnapshot,
    revertSnapshot,
    deleteSnapshot,
    deleteVolume,
  ].map(({ verb }) => verb),
);

/**
 * The volumes of the host. While an operation works on the disks of a VM, no disk that was made for this VM is one: the
 * operation may be about to attach or to delete it.
 */
export class VolumeList {
  #volumes: Volume[] = [];
  /** Whether the last answer left any out. */
  #isPartial = false;
  #isStale = false;
  #isLooking = false;

  constructor(
    private readonly driver: HypervisorDriver,
    /** Commands that are carried out now. */
    private readonly running: () => readonly Command[],
    private readonly publish: () => Promise<void>,
    private readonly signal: AbortSignal,
  ) {}

  /** Those that can be attached or deleted now. */
  get free(): Volume[] {
    const free = this.#volumes.filter((volume) => this.#workOn(volume) === undefined);
    this.#isPartial = free.length < this.#volumes.length;
    return free;
  }

  /** Lists them anew. What cannot be listed stays as it was. */
  async refresh(): Promise<void> {
    const { volumes } = this.driver;
    if (!volumes) return;
    try {
      this.#volumes = await volumes.list(AbortSignal.any([this.signal, AbortSignal.timeout(listWithinMs)]));
    } catch (error) {
      log.warn(`Cannot list volumes: ${(error as Error).message}`);
    }
  }

  /** @throws ProblemError `volume-in-use` if the command is about a volume that another operation may be working on */
  requireFree({ operationId, input }: Pick<Command, 'input'> & { readonly operationId?: string }): void {
    const { volume: id } = input as { readonly volume?: string };
    const volume = id === undefined ? undefined : this.#volumes.find((one) => one.id === id);
    const work = volume && this.#workOn(volume, operationId);
    if (work === undefined) return;
    throw new ProblemError(
      'volume-in-use',
      `The operation ${work.operationId} works on the disks of the VM that the volume ${id} was made for. Try again when it has ended.`,
      { errors: [{ pointer: '/volume', detail: 'An operation may be working on it.' }] },
    );
  }

  /** Looks again, soon, where the command may have changed what there is: after many at once as well as after one. */
  ended({ verb }: Command): void {
    if (!this.driver.volumes || !verbs.has(verb)) return;
    // What a VM is made with is its own.
    if ((verb === createVm.verb || verb === cloneVm.verb) && !this.#isPartial) return;
    this.#isStale = true;
    if (this.#isLooking) return;
    this.#isLooking = true;
    void this.#look().finally(() => (this.#isLooking = false));
  }

  async #look(): Promise<void> {
    while (this.#isStale && !this.signal.aborted) {
      this.#isStale = false;
      await this.refresh();
      // What the bus does not take now, the beat of the reconciliation brings.
      await this.publish().catch((error: unknown) => log.warn(`Cannot publish volumes: ${(error as Error).message}`));
    }
  }

  #workOn({ lastVm }: Volume, except?: string): Command | undefined {
    if (lastVm === undefined) return undefined;
    return this.running().find(
      ({ operationId, verb, nativeId }) =>
        operationId !== except && verbs.has(verb) && (nativeId === lastVm || operationId === lastVm),
    );
  }
}
