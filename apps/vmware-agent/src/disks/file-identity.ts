import { stat } from 'node:fs/promises';
import { comparablePath } from '../inventory/identity.ts';
import { orUnreadable } from '../inventory/unreadable.ts';
import type { Platform } from '../vmrun/installation.ts';
import { realPath } from './vmdk.ts';

/**
 * What tells a file from all others: its device and inode, whatever path leads to it. Of a file that is not there only its
 * path is known, in the one form that the platform compares.
 */
export async function fileKeyOf(path: string, platform: Platform): Promise<string> {
  const found = await orUnreadable(stat(path, { bigint: true }));
  return found ? `${found.dev}:${found.ino}` : comparablePath(await realPath(path), platform);
}

/** Files, each once, however many paths lead to it; the first path stands for it. */
export class FileSet {
  readonly #platform: Platform;
  readonly #paths: ReadonlyMap<string, string>;

  private constructor(platform: Platform, paths: ReadonlyMap<string, string>) {
    this.#platform = platform;
    this.#paths = paths;
  }

  static async of(platform: Platform, paths: Iterable<string> = []): Promise<FileSet> {
    const found = new Map<string, string>();
    for (const path of paths) {
      const key = await fileKeyOf(path, platform);
      if (!found.has(key)) found.set(key, path);
    }
    return new FileSet(platform, found);
  }

  async has(path: string): Promise<boolean> {
    return this.#paths.has(await fileKeyOf(path, this.#platform));
  }

  keys(): Iterable<string> {
    return this.#paths.keys();
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#paths.values();
  }
}
