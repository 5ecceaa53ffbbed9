import { ProblemError, type NativeId } from '@polyvirt/contracts';
import { FakeFile } from './fake-file.ts';
import type { FakeMachine, FakeVolume } from './fake-machine.ts';

/** One change that the host was told to make: `{ act: 'define', target: 'web-1' }`. */
export interface Act {
  readonly act: string;
  readonly target: string;
}

interface State {
  machines: FakeMachine[];
  volumes: FakeVolume[];
  acts: Act[];
  doubled: string[];
  droppedImages?: string[];
}

type Listener = (change: NativeId | 'everything') => void;

const keptActs = 10_000;

/** What a fake host consists of, in memory and, if there is one, in a file that it may share with other processes. */
export class FakeStore {
  readonly machines = new Map<NativeId, FakeMachine>();
  readonly volumes = new Map<string, FakeVolume>();
  /** Of those that the host has from the start: `iso tiny-iso`. */
  droppedImages = new Set<string>();
  acts: Act[] = [];
  doubled: string[] = [];
  readonly #file: FakeFile<State> | undefined;
  readonly #listeners = new Set<Listener>();
  readonly #unwatch: (() => void) | undefined;

  /** `onRead` is called for each machine that another process may have changed. */
  constructor(
    file: string | undefined,
    private readonly onRead: (machine: FakeMachine) => void,
  ) {
    if (file === undefined) return;
    this.#file = new FakeFile(file);
    this.refresh();
    this.#unwatch = this.#file.watch(() => this.refresh());
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#unwatch?.();
    this.#listeners.clear();
  }

  change(act: string, target: string, nativeId: NativeId | undefined, change: () => void): void {
    this.refresh();
    change();
    this.acts.push({ act, target });
    if (this.acts.length > keptActs) this.acts = this.acts.slice(-keptActs / 2);
    this.write();
    if (nativeId !== undefined) this.tell(nativeId);
  }

  refuseTwin(what: string): never {
    this.doubled.push(what);
    this.write();
    throw new ProblemError('host-rejected', `The fake host has ${what} already.`);
  }

  refresh(): void {
    const state = this.#file?.read();
    if (!state) return;
    this.machines.clear();
    this.volumes.clear();
    for (const machine of state.machines) this.machines.set(machine.nativeId, machine);
    for (const volume of state.volumes) this.volumes.set(volume.path, volume);
    this.acts = state.acts;
    this.doubled = state.doubled;
    this.droppedImages = new Set(state.droppedImages);
    for (const machine of this.machines.values()) this.onRead(machine);
    this.tell('everything');
  }

  write(): void {
    this.#file?.write({
      machines: [...this.machines.values()],
      volumes: [...this.volumes.values()],
      acts: this.acts,
      doubled: this.doubled,
      droppedImages: [...this.droppedImages],
    });
  }

  tell(change: NativeId | 'everything'): void {
    for (const listener of this.#listeners) listener(change);
  }
}
