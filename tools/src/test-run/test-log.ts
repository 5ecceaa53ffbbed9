import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { root, testFolder } from '../places.ts';

/** Everything that the parts of a run print, each line with the name of its part before it. */
export class TestLog {
  readonly file = join(testFolder, 'test.log');
  readonly #stream: WriteStream;

  constructor() {
    mkdirSync(dirname(this.file), { recursive: true });
    this.#stream = createWriteStream(this.file);
  }

  /** As a person in the root of the repository names it. */
  get name(): string {
    return relative(root, this.file);
  }

  write(part: string, text: string): void {
    for (const line of stripVTControlCharacters(text).split('\n')) this.#stream.write(`${part} | ${line}\n`);
  }

  /** Resolves when everything is in the file. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#stream.end(resolve));
  }
}
