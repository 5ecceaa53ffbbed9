import type { NativeId } from '@polyvirt/contracts';
import { parsePaused, parseRunning } from '../vmrun/output.ts';
import { passes, unlessUnanswered, VmwareError } from '../vmrun/vmrun.problems.ts';
import type { Vmrun } from '../vmrun/vmrun.ts';
import { comparablePath, matchListed, type Machine } from './identity.ts';

/** A look that fails for a moment, as while the window is busy, is made again after so long. */
const AGAIN_MS = 300;
const MOST_LOOKS = 3;
/** An answer is recent for so long, unless this agent has changed something since it was asked for. */
const RECENT_MS = 1_000;
/** vmrun lists paused VMs as running. What vmcli said of one is believed for so long when the whole host is listed. */
const PAUSE_BELIEVED_MS = 5 * 60_000;

/**
 * Which answer a look may give. `fresh`: of a call that begins from now on. `recent`: also one that this operation, or another,
 * got a moment ago. For a look that follows another one when nothing has been done in between; never for one that waits for
 * something to change.
 */
export type Freshness = 'fresh' | 'recent';

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
  #last: { readonly set: RunningSet; readonly askedAt: number } | undefined;

  constructor(vmrun: Vmrun) {
    this.#vmrun = vmrun;
  }

  /** Many that ask at once share a call. */
  async list(freshness: Freshness = 'fresh'): Promise<RunningSet> {
    if (freshness === 'recent' && this.#last && this.#isRecent(this.#last.askedAt)) return this.#last.set;
    if (this.#current === undefined) return this.#begin();
    this.#next ??= this.#current.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  /** Whether a running VM is paused. Without vmcli only what this agent did is known. */
  async isPaused({ nativeId, vmx }: Machine, freshness: Freshness | 'believed'): Promise<boolean> {
    const known = this.#paused.get(nativeId);
    if (known && this.#isGoodEnough(known.at, freshness)) return known.isPaused;
    const askedAt = performance.now();
    const told = await this.#ask(vmx);
    if (told === undefined) return known?.isPaused ?? false;
    this.#paused.set(nativeId, { isPaused: told, at: askedAt });
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
    } catch (error) {
      // An encrypted VM, say: then it is not known.
      unlessUnanswered(error);
      return undefined;
    }
  }

  #isGoodEnough(at: number, freshness: Freshness | 'believed'): boolean {
    if (freshness === 'believed') return performance.now() - at < PAUSE_BELIEVED_MS;
    return freshness === 'recent' && this.#isRecent(at);
  }

  #isRecent(askedAt: number): boolean {
    return performance.now() - askedAt < RECENT_MS && this.#vmrun.isUnchangedSince(askedAt);
  }

  #begin(): Promise<RunningSet> {
    const askedAt = performance.now();
    const call = this.#look()
      .then((set) => {
        this.#last = { set, askedAt };
        return set;
      })
      .finally(() => {
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
