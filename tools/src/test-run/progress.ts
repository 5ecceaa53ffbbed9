import type { JestMessage, TestName } from './jest-messages.ts';
import type { Outcome } from './outcome.ts';

export interface Duration {
  readonly file: string;
  /** Absent: the file as a whole. */
  readonly name?: string;
  readonly ms: number;
}

/** How far a suite has come, counted from what Jest reports. */
export class Progress {
  /** Files of the suite; undefined until Jest has found them. */
  files: number | undefined;
  filesDone = 0;
  hasEnded = false;
  readonly failures: TestName[] = [];
  readonly tests: Duration[] = [];
  readonly fileDurations: Duration[] = [];
  #passed = 0;
  #failed = 0;
  #skipped = 0;
  /** Of files that still run. */
  readonly #passing = new Map<string, number>();
  readonly #failing = new Map<string, number>();

  take(message: JestMessage): void {
    switch (message.kind) {
      case 'begin':
        this.files = message.files;
        return;
      case 'waiting':
        return;
      case 'passing':
        increase(this.#passing, message.file);
        return;
      case 'failing': {
        this.failures.push(message.test);
        increase(this.#failing, message.test.file);
        return;
      }
      case 'file': {
        const { file, ms, tests, isBroken } = message;
        const count = (wanted: string) => tests.filter(({ status }) => status === wanted).length;
        const begun = (this.#passing.get(file) ?? 0) + (this.#failing.get(file) ?? 0) - (isBroken ? 1 : 0);
        // Jest runs a file again whose process has ended, and says nothing of it.
        const isRepeated = begun > count('passed') + count('failed');
        if (isRepeated) this.failures.push({ file });
        this.filesDone += 1;
        this.#passed += count('passed');
        this.#failed += count('failed') + (isBroken ? 1 : 0) + (isRepeated ? 1 : 0);
        this.#skipped += count('skipped');
        this.#passing.delete(file);
        this.#failing.delete(file);
        this.fileDurations.push({ file, ms });
        for (const test of tests) this.tests.push({ file, name: test.name, ms: test.ms });
        return;
      }
      case 'end':
        this.hasEnded = true;
    }
  }

  /** What has passed and failed until now. A file that could not run is one failure; a skipped test is no passed one. */
  get outcome(): Outcome {
    const all = (counts: Map<string, number>) => [...counts.values()].reduce((sum, count) => sum + count, 0);
    return {
      passed: this.#passed + all(this.#passing),
      failed: this.#failed + all(this.#failing),
      ...(this.#skipped > 0 ? { skipped: this.#skipped } : {}),
    };
  }
}

function increase(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
