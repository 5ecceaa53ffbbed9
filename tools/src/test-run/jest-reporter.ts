import { relative } from 'node:path';
import { root } from '../places.ts';
import type { GoMessage, JestMessage, TestEnd } from './jest-messages.ts';

/** What Jest hands to a reporter, as far as this one looks at it. */
interface Test {
  readonly path: string;
}
interface TestCaseResult {
  readonly fullName: string;
  readonly status: string;
  readonly duration?: number | null;
}
interface TestResult {
  readonly perfStats: { readonly start: number; readonly end: number };
  readonly testResults: readonly TestCaseResult[];
  readonly failureMessage?: string | null;
  readonly testExecError?: unknown;
  readonly console?: readonly { readonly type: string; readonly message: string }[];
}

/** Runs inside Jest: tells the runner by messages, and the log by lines. */
export default class JestReporter {
  #lastError: Error | undefined;
  /** Files that wait until the runner has room for them. */
  readonly #waiting = new Map<string, () => void>();

  constructor() {
    process.on('message', ({ go }: GoMessage) => {
      this.#waiting.get(go)?.();
      this.#waiting.delete(go);
      if (this.#waiting.size === 0) process.channel?.unref();
    });
    // It is no reason to go on when there is nothing else to do.
    process.channel?.unref();
  }

  onRunStart({ numTotalTestSuites }: { numTotalTestSuites: number }): void {
    this.#send({ kind: 'begin', files: numTotalTestSuites });
  }

  /** Jest begins the file when this is over. */
  async onTestFileStart({ path }: Test): Promise<void> {
    const file = relative(root, path);
    const go = new Promise<void>((resolve) => this.#waiting.set(file, resolve));
    process.channel?.ref();
    this.#send({ kind: 'waiting', file });
    await go;
  }

  onTestCaseResult({ path }: Test, { status, fullName }: TestCaseResult): void {
    const file = relative(root, path);
    if (status === 'failed') this.#send({ kind: 'failing', test: { file, name: fullName } });
    else if (status === 'passed') this.#send({ kind: 'passing', file });
  }

  onTestFileResult({ path }: Test, result: TestResult): void {
    const file = relative(root, path);
    const { perfStats, testResults, failureMessage, testExecError } = result;
    if (testExecError != null) this.#send({ kind: 'failing', test: { file } });
    this.#send({
      kind: 'file',
      file,
      ms: perfStats.end - perfStats.start,
      tests: testResults.map(endOf),
      ...(failureMessage ? { failure: failureMessage } : {}),
      ...(testExecError == null ? {} : { isBroken: true }),
    });
    this.#log(file, result);
  }

  onRunComplete(): void {
    this.#send({ kind: 'end' });
  }

  getLastError(): Error | undefined {
    return this.#lastError;
  }

  #send(message: JestMessage): void {
    if (process.send === undefined) {
      this.#lastError = new Error('this reporter is for npm test; use Jest directly with --reporters default');
      return;
    }
    process.send(message);
  }

  #log(file: string, { perfStats, testResults, failureMessage, testExecError, console: lines }: TestResult): void {
    const failed = testExecError != null || testResults.some(({ status }) => status === 'failed');
    console.log(`${failed ? 'FAIL' : 'PASS'} ${file} (${((perfStats.end - perfStats.start) / 1000).toFixed(1)} s)`);
    for (const { status, fullName, duration } of testResults)
      console.log(`  ${status} ${fullName} (${Math.round(duration ?? 0)} ms)`);
    for (const { type, message } of lines ?? []) console.log(`  console.${type} ${message}`);
    if (failureMessage) console.log(failureMessage);
  }
}

function endOf({ fullName, status, duration }: TestCaseResult): TestEnd {
  return {
    name: fullName,
    status: status === 'passed' || status === 'failed' ? status : 'skipped',
    ms: duration ?? 0,
  };
}
