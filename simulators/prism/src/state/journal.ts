import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
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

  /** `write` puts bytes into a file; tests have one for a disk that is full. */
  constructor(
    private readonly path: string,
    private readonly write: typeof writeSync = writeSync,
  ) {
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

  /** @throws NotWritten when the disk has no room for it. Nothing of it is left then. */
  append(entry: unknown): void {
    this.file ??= openSync(this.path, 'a');
    const { size } = fstatSync(this.file);
    try {
      this.writeAll(this.file, `${JSON.stringify(entry)}\n`);
    } catch (error) {
      // The next line would follow upon half of this one.
      ftruncateSync(this.file, size);
      throw isFull(error) ? new NotWritten(this.path, { cause: error }) : error;
    }
    this.written++;
  }

  /** Replaces the file by a shorter one that says the same; on a full disk it stays as it is. */
  rewrite(entries: Iterable<unknown>): void {
    const next = `${this.path}.next`;
    const file = openSync(next, 'w');
    let count = 0;
    try {
      for (const entry of entries) {
        this.writeAll(file, `${JSON.stringify(entry)}\n`);
        count++;
      }
      fsyncSync(file);
    } catch (error) {
      rmSync(next);
      if (isFull(error)) return;
      throw error;
    } finally {
      closeSync(file);
    }
    this.close();
    renameSync(next, this.path);
    this.written = count;
  }

  close(): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }

  private writeAll(file: number, text: string): void {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length;) at += this.write(file, bytes, at);
  }
}

/** The disk is full. What was to be written can be tried again later. */
export class NotWritten extends Error {
  constructor(path: string, options: ErrorOptions) {
    super(`The disk of ${path} is full: make room there.`, options);
  }
}

const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');
