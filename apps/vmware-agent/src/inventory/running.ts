import type { NativeId } from '@polyvirt/contracts';
import { parsePaused, parseRunning } from '../vmrun/output.ts';
import { passes, VmwareError } from '../vmrun/vmrun.problems.ts';
import type { Vmrun } from '../vmrun/vmrun.ts';
import { comparablePath, matchListed, type Machine } from './identity.ts';

/** A look that fails for a moment, as while the window is busy, is made again after so long. */
const AGAIN_MS = 300;
const MOST_LOOKS = 3;
/** vmrun lists paused VMs as running. What vmcli said of one is believed for so long when the whole host is listed. */
const PAUSE_BELIEVED_MS = 5 * 60_000;

/** The answer of one `vmrun list`. */
export class RunningSet {
  readonly paths: readonly string[];
  readonly #exact: ReadonlySet<string>;
  readonly #vmrun: Vmrun;

  constructor(paths: readonly string[], vmrun: Vmrun) {
    this.paths = paths;
    this.#vmrun = vmrun;
    this.#exact = new Set(paths.map((path) => comparablePath(path, vmrun.platform)));
  }

  has({ vmx }: Machine): boolean {
    const { platform } = this.#vmrun;
    if (this.#exact.has(comparablePath(vmx, platform))) return true;
    return platform === 'windows' && this.paths.some((line) => matchListed(line, [{ vmx }], platform));
  }
}

/** What runs, and what of it is paused. */
export class Running {
  readonly #vmrun: Vmrun;
  readonly #paused = new Map<NativeId, { readonly isPaused: boolean; readonly at: number }>();
  #current: Promise<RunningSet> | undefined;
  #next: Promise<RunningSet> | undefined;

  constructor(vmrun: Vmrun) {
    this.#vmrun = vmrun;
  }

  /** The answer of a call that begins from now on. Many that ask at once share it. */
  list(): Promise<RunningSet> {
    if (this.#current === undefined) return this.#begin();
    this.#next ??= this.#current.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  /** Whether a running VM is paused. Without vmcli only what this agent did is known. */
  async isPaused({ nativeId, vmx }: Machine, { fresh }: { fresh: boolean }): Promise<boolean> {
    const known = this.#paused.get(nativeId);
    if (!fresh && known && performance.now() - known.at < PAUSE_BELIEVED_MS) return known.isPaused;
    const told = await this.#ask(vmx);
    if (told === undefined) return known?.isPaused ?? false;
    this.notePaused(nativeId, told);
    return told;
  }

  isKnownPaused(nativeId: NativeId): boolean {
    return this.#paused.get(nativeId)?.isPaused ?? false;
  }

  notePaused(nativeId: NativeId, isPaused: boolean): void {
    this.#paused.set(nativeId, { isPaused, at: performance.now() });
  }

  /** A VM that is off is not paused when it comes back. */
  noteOff(nativeId: NativeId): void {
    this.#paused.delete(nativeId);
  }

  async #ask(vmx: string): Promise<boolean | undefined> {
    try {
      const lines = await this.#vmrun.cli([vmx, 'power', 'query', '-f', 'json']);
      return lines && parsePaused(lines);
    } catch {
      // An encrypted VM: then it is not known.
      return undefined;
    }
  }

  #begin(): Promise<RunningSet> {
    const call = this.#look().finally(() => {
      if (this.#current === call) this.#current = undefined;
    });
    this.#current = call;
    this.#next = undefined;
    return call;
  }

  async #look(): Promise<RunningSet> {
    for (let look = 1; ; look += 1) {
      try {
        return new RunningSet(parseRunning(await this.#vmrun.look(['list'])), this.#vmrun);
      } catch (error) {
        if (error instanceof SyntaxError) throw new VmwareError('vmrun list', error.message);
        if (look === MOST_LOOKS || !passes(error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }
}
