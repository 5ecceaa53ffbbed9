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
  /** Failed tests of files that still run. */
  readonly #failing = new Map<string, number>();

  take(message: JestMessage): void {
    switch (message.kind) {
      case 'begin':
        this.files = message.files;
        return;
      case 'waiting':
        return;
      case 'failing': {
        const { file } = message.test;
        this.failures.push(message.test);
        this.#failing.set(file, (this.#failing.get(file) ?? 0) + 1);
        return;
      }
      case 'file': {
        const { file, ms, tests, isBroken } = message;
        const count = (wanted: string) => tests.filter(({ status }) => status === wanted).length;
        this.filesDone += 1;
        this.#passed += count('passed');
        this.#failed += count('failed') + (isBroken ? 1 : 0);
        this.#skipped += count('skipped');
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
    const stillRunning = [...this.#failing.values()].reduce((sum, failed) => sum + failed, 0);
    return {
      passed: this.#passed,
      failed: this.#failed + stillRunning,
      ...(this.#skipped > 0 ? { skipped: this.#skipped } : {}),
    };
  }
}
