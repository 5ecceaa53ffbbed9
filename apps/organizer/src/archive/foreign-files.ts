import { dirname } from 'node:path';

/** A mount whose server is gone never answers, and cannot be interrupted. */
const defaultPatienceMs = 5_000;
/** A look that hangs keeps one of the four threads that share all work on files. */
const mostHanging = 2;

/** The disk of a file did not say in time whether the file is there. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

/** Looks at files outside the archive, on disks that may hang, without being held up by one. */
export class ForeignFiles {
  readonly #patienceMs: number;
  /** Folders in which a look hangs. */
  readonly #hanging = new Set<string>();

  constructor(patienceMs = defaultPatienceMs) {
    this.#patienceMs = patienceMs;
  }

  /** Throws what `look` throws, and `NoAnswerError` when it takes too long, or would hang like one that does already. */
  async look<Result>(path: string, look: (path: string) => Promise<Result>): Promise<Result> {
    const folder = dirname(path);
    if (this.#hanging.has(folder) || this.#hanging.size >= mostHanging) throw new NoAnswerError(path);
    const answer = look(path);
    const { promise: tooLate, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      this.#hanging.add(folder);
      const forget = () => this.#hanging.delete(folder);
      answer.then(forget, forget);
      reject(new NoAnswerError(path));
    }, this.#patienceMs);
    try {
      return await Promise.race([answer, tooLate]);
    } finally {
      clearTimeout(timer);
    }
  }
}
