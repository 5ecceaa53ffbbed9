import {
  CreateVm,
  lackOf,
  nameKey,
  ProblemError,
  type DriverVm,
  type FeatureRef,
  type HostStatus,
  type NativeId,
} from '@polyvirt/contracts';
import { isReadable, type HypervisorDriver, type OperationContext } from '../../driver.ts';
import type { Bench, SeenVm } from '../bench.ts';
import { TestOperation } from '../test-operation.ts';
import type { Dice } from './dice.ts';

const lookEveryMs = 100;

/** A VM that another tool has spoilt, until it is mended. */
export interface Odd {
  readonly name: string;
  mend(): Promise<void>;
}

/** One host in the middle of a random life: what verbs act on, and what has been said of it. */
export class World {
  /** What operations have told, but for deletions: what those keep for others goes with the last of them. */
  readonly #notes: string[] = [];
  /** Files that VMs needed which were deleted with the word to keep their disks. */
  readonly #kept = new Set<string>();
  readonly byHand = new Set<NativeId>();
  /** Sources and clones of other tools: what one writes, the other reads. */
  readonly entangled = new Set<NativeId>();
  odd: Odd | undefined;
  /** How long two looks may disagree for. Only what is wrong takes so long. */
  agreesWithinMs = 30_000;
  #seen: DriverVm[] | undefined;
  #names = 0;

  constructor(
    readonly bench: Bench,
    readonly driver: HypervisorDriver,
    readonly status: HostStatus,
    readonly dice: Dice,
  ) {}

  /** Names come again, in another case or spelling too, so that one that is in use is asked for as well. */
  name(): string {
    this.#names += 1;
    const number = this.dice.chance(0.1) ? 1 + Math.floor(this.dice.next() * this.#names) : this.#names;
    const name = `${this.bench.prefix}life é ${number}`;
    return this.dice.chance(0.1)
      ? name
          .normalize('NFD')
          .toUpperCase()
          .replace(name.slice(0, this.bench.prefix.length).toUpperCase(), this.bench.prefix)
      : name;
  }

  has(ref: FeatureRef): boolean {
    return lackOf(this.status.capabilities, ref) === undefined;
  }

  /** VMs of the suite's making, as they were at the end of the last step. */
  async vms(): Promise<DriverVm[]> {
    return this.#seen ?? this.look();
  }

  /** The same, as the driver lists them now. */
  async look(): Promise<DriverVm[]> {
    const listed = await this.driver.list(AbortSignal.timeout(60_000));
    return listed.filter(isReadable).filter(({ name }) => name.startsWith(this.bench.prefix));
  }

  body(input: Partial<CreateVm>): CreateVm {
    return CreateVm.parse({ name: this.name(), memoryMiB: this.bench.memoryMiB, ...input });
  }

  run<Result>(method: (driver: HypervisorDriver, context: OperationContext) => Promise<Result>): Promise<Result> {
    return new TestOperation().run((context) => method(this.driver, context));
  }

  tell(notes: readonly string[] = []): void {
    this.#notes.push(...notes);
  }

  /** Notes the files of a VM that is deleted and whose disks are to stay. */
  async keepFilesOf(nativeId: NativeId): Promise<void> {
    for (const { path, users } of await this.bench.files()) if (users.includes(nativeId)) this.#kept.add(path);
  }

  /** What is not as it should be, in sentences. */
  async faults(): Promise<string[]> {
    // A driver may carry out what has waited for a power-off when it finds a VM off, so the independent look comes after.
    const vms = await this.look();
    const [seen, files] = await Promise.all([this.bench.otherTool.see(), this.bench.files()]);
    this.#seen = vms;
    const told = this.#notes.join('\n');
    return [
      ...files
        .filter(({ missing }) => missing)
        .map(({ path, users }) => `${path} is gone, and ${users.join(', ')} needs it`),
      ...files
        .filter(
          ({ path, users, missing }) => users.length === 0 && !missing && !this.#kept.has(path) && !told.includes(path),
        )
        .map(({ path }) => `${path} is left, nobody needs it, and nothing says so`),
      ...(await this.#lastingDisagreements(vms, seen)),
    ];
  }

  /**
   * The two looks are not of one moment, and whoever else is on the host may act between them: an agent gives a VM that has gone
   * off the name that it waited for. What both looks agree on soon after was no fault.
   */
  async #lastingDisagreements(vms: readonly DriverVm[], seen: readonly SeenVm[]): Promise<string[]> {
    let found = this.#disagreements(vms, seen);
    for (const until = Date.now() + this.agreesWithinMs; found.length > 0 && Date.now() < until;) {
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
      const [vmsNow, seenNow] = await Promise.all([this.look(), this.bench.otherTool.see()]);
      this.#seen = vmsNow;
      found = this.#disagreements(vmsNow, seenNow);
    }
    return found;
  }

  #disagreements(vms: readonly DriverVm[], seen: readonly SeenVm[]): string[] {
    const told = new Map(vms.map((vm) => [vm.nativeId, vm]));
    const others = seen.filter(({ name }) => this.odd === undefined || nameKey(name) !== nameKey(this.odd.name));
    const missing = others.filter(({ nativeId }) => !told.has(nativeId));
    const wrong = others.flatMap(({ nativeId, name, state }) => {
      const vm = told.get(nativeId);
      const same = vm === undefined || (vm.state === state && vm.name.normalize('NFC') === name.normalize('NFC'));
      return same ? [] : [`${nativeId} is "${name}" and ${state}, and the driver says "${vm.name}" and ${vm.state}`];
    });
    const seenIds = new Set(seen.map(({ nativeId }) => nativeId));
    return [
      ...missing.map(({ nativeId, name }) => `${nativeId}, "${name}", is not in the list of the driver`),
      ...vms.filter(({ nativeId }) => !seenIds.has(nativeId)).map(({ name }) => `"${name}" is listed and not there`),
      ...wrong,
    ];
  }
}

/** Refusals that a random request may well meet; anything else is a fault of the driver. */
const expected = [
  'wrong-state',
  'capability-missing',
  'name-taken',
  'invalid-input',
  'snapshot-not-found',
  'volume-in-use',
];

/** Throws what is no refusal; a refusal is an answer like others, also one for the sake of a VM that cannot be read now. */
export function refusalOf(error: unknown, { odd }: Pick<World, 'odd'>): string {
  if (!(error instanceof ProblemError)) throw error;
  const isForOdd = odd !== undefined && error.code === 'host-rejected' && error.message.includes('it cannot be seen');
  if (isForOdd || expected.includes(error.code)) return `refused: ${error.code}`;
  throw error;
}
