import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

/**
 * A file of one JSON line per transaction, written before the change takes effect, so that a killed process loses nothing it has
 * answered for. A line is whole or it is not there: a torn last line is dropped when the file is read.
 */
export class Journal {
  private file: number | undefined;
  private written = 0;

  constructor(private readonly path: string) {
    mkdirSync(dirname(path), { recursive: true });
  }

  /** Lines written since the file was last replaced. */
  get length(): number {
    return this.written;
  }

  /** @throws when a line other than the last cannot be understood: that is damage and not a crash. */
  read(): unknown[] {
    if (!existsSync(this.path)) return [];
    const content = readFileSync(this.path, 'utf8');
    const whole = content.slice(0, content.lastIndexOf('\n') + 1);
    if (whole.length < content.length) truncateSync(this.path, Buffer.byteLength(whole));
    const lines = whole.split('\n').filter((line) => line !== '');
    this.written = lines.length;
    return lines.map((line) => JSON.parse(line) as unknown);
  }

  append(entry: unknown): void {
    this.file ??= openSync(this.path, 'a');
    writeAll(this.file, `${JSON.stringify(entry)}\n`);
    this.written++;
  }

  /** Replaces the file by a shorter one that says the same. */
  rewrite(entries: Iterable<unknown>): void {
    const next = `${this.path}.next`;
    const file = openSync(next, 'w');
    let count = 0;
    for (const entry of entries) {
      writeAll(file, `${JSON.stringify(entry)}\n`);
      count++;
    }
    fsyncSync(file);
    closeSync(file);
    this.close();
    renameSync(next, this.path);
    this.written = count;
  }

  close(): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }
}

function writeAll(file: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
}
