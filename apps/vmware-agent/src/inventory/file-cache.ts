import { stat } from 'node:fs/promises';

/** What is read of files, kept for as long as they do not change. */
export class FileCache<Content> {
  readonly #load: (path: string) => Promise<Content>;
  readonly #kept = new Map<string, { readonly version: string; readonly content: Content }>();

  constructor(load: (path: string) => Promise<Content>) {
    this.#load = load;
  }

  /** Throws the file system's error, or that of the reader. */
  async read(path: string): Promise<Content> {
    const version = await versionOf(path).catch((error: unknown) => {
      this.#kept.delete(path);
      throw error;
    });
    const known = this.#kept.get(path);
    if (known?.version === version) return known.content;
    const content = await this.#load(path);
    this.#kept.set(path, { version, content });
    return content;
  }
}

/** A file that is replaced has another number, one that is written to another time or size. */
async function versionOf(path: string): Promise<string> {
  const { ino, size, mtimeNs } = await stat(path, { bigint: true });
  return `${ino} ${size} ${mtimeNs}`;
}
