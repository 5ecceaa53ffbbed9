import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import type { Image } from '@polyvirt/contracts';
import { gibOf } from '../gib.ts';

const kinds: Readonly<Record<string, Pick<Image, 'kind' | 'format'>>> = {
  '.qcow2': { kind: 'disk', format: 'qcow2' },
  '.vmdk': { kind: 'disk', format: 'vmdk' },
  '.img': { kind: 'disk', format: 'raw' },
  '.iso': { kind: 'iso', format: 'iso' },
};

/** Where a fake host has the images that it was given: beside its state, so that they outlive the process, or for its life. */
export class FakeImageFiles {
  #folder: string | undefined;
  readonly #isTemporary: boolean;

  constructor(stateFile: string | undefined) {
    this.#isTemporary = stateFile === undefined;
    if (stateFile !== undefined) this.#folder = `${stateFile}.images`;
  }

  /** Made when it is first asked for. */
  get folder(): string {
    return (this.#folder ??= mkdtempSync(join(tmpdir(), 'polyvirt-fake-images-')));
  }

  list(): Image[] {
    return this.#names().flatMap((file) => {
      const ending = extname(file);
      const known = file.startsWith('.') ? undefined : kinds[ending];
      const path = join(this.folder, file);
      const size = known && statSync(path, { throwIfNoEntry: false })?.size;
      if (size === undefined) return [];
      return [{ name: file.slice(0, -ending.length), ...known!, sizeGiB: gibOf(size), path }];
    });
  }

  close(): void {
    if (this.#isTemporary && this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }

  #names(): string[] {
    try {
      return this.#folder === undefined ? [] : readdirSync(this.#folder).sort();
    } catch {
      // Nothing has been fetched.
      return [];
    }
  }
}
