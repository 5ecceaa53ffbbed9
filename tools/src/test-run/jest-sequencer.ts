import { relative } from 'node:path';
import { root } from '../places.ts';
import { expectedSeconds, lastDurations } from './durations.ts';
import { shuffled } from './seed.ts';

/** What Jest hands to a sequencer, as far as this one looks at it. */
interface Test {
  readonly path: string;
}
interface Options {
  readonly globalConfig: { readonly randomize?: boolean; readonly seed: number };
}

/**
 * Starts the files that take longest first, so that no worker is left with a long one at the end. With `--randomize` they
 * come in the random order of its seed, as the tests within a file do.
 */
export default class JestSequencer {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  async sort<T extends Test>(tests: readonly T[]): Promise<T[]> {
    const { randomize = false, seed } = this.#options.globalConfig;
    const ordered = [...tests].sort((a, b) => (a.path < b.path ? -1 : 1));
    if (randomize) return shuffled(ordered, seed);
    const last = await lastDurations();
    const seconds = ({ path }: Test) => {
      const file = relative(root, path);
      return last[file] ?? expectedSeconds[file] ?? 0;
    };
    return ordered.sort((a, b) => seconds(b) - seconds(a));
  }

  /** Jest asks for it with `--shard`. */
  shard<T extends Test>(tests: readonly T[]): T[] {
    return [...tests];
  }

  /** Jest asks for it with `--onlyFailures`, for which there is `npm test -- --failed`. */
  allFailedTests<T extends Test>(tests: readonly T[]): T[] {
    return [...tests];
  }

  /** The runner keeps the durations. */
  cacheResults(): void {}
}
