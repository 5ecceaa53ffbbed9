import { readFileSync, renameSync, statSync, watch, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';

/**
 * State of a fake host in a JSON file. Every change is written before it is reported, in one rename, so that whoever is
 * killed leaves a state that was true. Several processes may share a file; each reads again what another has written.
 */
export class FakeFile<State> {
  #seen = '';

  constructor(readonly path: string) {}

  /** The state, when it is another than the one last read or written here. */
  read(): State | undefined {
    const stamp = this.#stamp();
    if (stamp === this.#seen) return undefined;
    this.#seen = stamp;
    return stamp === '' ? undefined : (JSON.parse(readFileSync(this.path, 'utf8')) as State);
  }

  write(state: State): void {
    const draft = `${this.path}.${process.pid}`;
    writeFileSync(draft, JSON.stringify(state));
    renameSync(draft, this.path);
    this.#seen = this.#stamp();
  }

  /** Calls `changed` whenever the file may have been replaced. */
  watch(changed: () => void): () => void {
    const name = basename(this.path);
    const watcher = watch(dirname(this.path), (_, file) => {
      if (file === name) changed();
    });
    watcher.unref();
    return () => watcher.close();
  }

  #stamp(): string {
    const stats = statSync(this.path, { bigint: true, throwIfNoEntry: false });
    return stats ? `${stats.ino}.${stats.mtimeNs}.${stats.size}` : '';
  }
}
