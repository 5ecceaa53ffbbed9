import { ProblemError, type Snapshot } from '@polyvirt/contracts';
import type { Dictionary } from '../vmx/dictionary.ts';

/** One snapshot of a .vmsd file. */
export interface VmsdSnapshot {
  /** N of its `snapshotN.` keys; has gaps. */
  readonly position: number;
  readonly uid: number;
  /** uid of the parent, 0 for a root. */
  readonly parent: number;
  readonly name: string;
  readonly description: string | undefined;
  readonly hasMemory: boolean;
  /** Undefined when the file does not say. */
  readonly createdAt: Date | undefined;
  /** The .vmsn file. */
  readonly file: string | undefined;
  readonly disks: readonly string[];
  /** .vmx files of linked clones that were made from it; some may be gone. */
  readonly clones: readonly string[];
}

const MICROSECONDS = 1_000n;

/** The snapshots of a machine as its .vmsd file tells them. */
export class SnapshotTree {
  readonly #file: Dictionary | undefined;
  readonly all: readonly VmsdSnapshot[];

  constructor(file: Dictionary | undefined) {
    this.#file = file;
    this.all = file ? readAll(file) : [];
  }

  get current(): number {
    return this.#file?.number('snapshot.current') ?? 0;
  }

  /** The .vmx file that a linked clone was made from. */
  get cloneOf(): string | undefined {
    return this.#file?.get('cloneOf0');
  }

  byId(id: string): VmsdSnapshot | undefined {
    return this.all.find(({ uid }) => String(uid) === id);
  }

  byName(name: string): VmsdSnapshot | undefined {
    return this.all.find((snapshot) => snapshot.name === name);
  }

  childrenOf({ uid }: VmsdSnapshot): VmsdSnapshot[] {
    return this.all.filter(({ parent }) => parent === uid);
  }

  descendantsOf(snapshot: VmsdSnapshot): VmsdSnapshot[] {
    return this.childrenOf(snapshot).flatMap((child) => [child, ...this.descendantsOf(child)]);
  }

  /**
   * What vmrun is to be told: the name, or the way from the root when another has the same. Throws `host-rejected` when that
   * may mean another snapshot, too.
   */
  addressOf(snapshot: VmsdSnapshot): string {
    const isUnique = this.all.filter(({ name }) => name === snapshot.name).length === 1;
    const address = isUnique ? snapshot.name : this.#pathOf(snapshot).join('/');
    if (this.#meaningsOf(address).some(({ uid }) => uid !== snapshot.uid))
      throw new ProblemError(
        'host-rejected',
        `vmrun knows snapshots by name only, and "${address}" does not uniquely identify one of this VM. Rename it, or the others, in the Workstation window.`,
      );
    return address;
  }

  /** As the contract shows them. */
  shown(): Snapshot[] {
    const { current } = this;
    const known = new Set(this.all.map(({ uid }) => uid));
    return this.all.map(({ uid, parent, name, description, hasMemory, createdAt }) => ({
      id: String(uid),
      name,
      ...(description !== undefined && { description }),
      parent: known.has(parent) ? String(parent) : null,
      current: uid === current,
      memory: hasMemory,
      state: hasMemory ? 'running' : 'stopped',
      ...(createdAt && { createdAt: createdAt.toISOString() }),
    }));
  }

  /** Snapshots at the end of this way from a root, and those with slashes in their names that it may be read as. */
  #meaningsOf(address: string): VmsdSnapshot[] {
    const steps = address.split(/[\\/]/).filter((step) => step !== '');
    const isStep = (step: string | undefined) => (one: VmsdSnapshot) => one.name === step;
    const known = new Set(this.all.map(({ uid }) => uid));
    const roots = this.all.filter(({ parent }) => !known.has(parent));
    const below = steps
      .slice(1)
      .reduce(
        (level, step) => level.flatMap((one) => this.childrenOf(one).filter(isStep(step))),
        roots.filter(isStep(steps[0])),
      );
    return steps.length > 1 ? [...below, ...this.all.filter(({ name }) => name === address)] : below;
  }

  #pathOf(snapshot: VmsdSnapshot): string[] {
    const parent = this.all.find(({ uid }) => uid === snapshot.parent);
    return [...(parent ? this.#pathOf(parent) : []), snapshot.name];
  }
}

function readAll(file: Dictionary): VmsdSnapshot[] {
  const positions = file.keys().flatMap((key) => {
    const position = /^snapshot(\d+)\.uid$/i.exec(key)?.[1];
    return position === undefined ? [] : Number(position);
  });
  return positions.map((position) => read(file, position)).sort((one, other) => one.uid - other.uid);
}

function read(file: Dictionary, position: number): VmsdSnapshot {
  const get = (key: string) => file.get(`snapshot${position}.${key}`);
  const number = (key: string) => file.number(`snapshot${position}.${key}`) ?? 0;
  const each = (count: string, key: (index: number) => string) =>
    Array.from({ length: number(count) }, (_, index) => get(key(index))).filter((value) => value !== undefined);
  // Microseconds in two halves, of which the low one is printed with a sign.
  const time = (BigInt(number('createTimeHigh')) << 32n) | BigInt.asUintN(32, BigInt(number('createTimeLow')));
  const description = get('description');
  return {
    position,
    uid: number('uid'),
    parent: number('parent'),
    name: get('displayName') ?? `Snapshot ${number('uid')}`,
    description: description === '' ? undefined : description,
    hasMemory: number('type') === 1,
    createdAt: time === 0n ? undefined : new Date(Number(time / MICROSECONDS)),
    file: get('filename'),
    disks: each('numDisks', (index) => `disk${index}.fileName`),
    clones: each('numClones', (index) => `clone${index}`),
  };
}
