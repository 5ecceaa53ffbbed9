import { beginning, few } from './few.ts';
import { counts, failure, total, type Outcome } from './outcome.ts';
import { Progress } from './progress.ts';
import type { Screen } from './screen.ts';
import { slowest } from './slowest.ts';
import type { TestName } from './jest-messages.ts';

const REDRAW_MS = 250;
/** Without a terminal: whoever watches has to see that something happens. */
const SAY_MS = 20_000;

/** Failed tests of one file that are named. */
const PER_FILE = 10;
const EXPLANATION_LINES = 200;

/** A part of a run while it runs. */
export interface Part {
  readonly name: string;
  readonly progress: Progress;
  /** Shows a failed test at once. */
  failing(test: TestName): void;
  /** Shows why something failed. */
  explain(text: string): void;
}

interface EndedPart {
  readonly name: string;
  readonly outcome: Outcome;
  readonly seconds: number;
  readonly progress: Progress;
}

/** The parts of a run, shown as they begin, come forward and end. */
export class Report {
  readonly #begin = Date.now();
  readonly #screen: Screen;
  readonly #ended: EndedPart[] = [];
  readonly #running = new Map<Part, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(screen: Screen) {
    this.#screen = screen;
    this.#timer = setInterval(() => this.#showProgress(), screen.isLive ? REDRAW_MS : SAY_MS);
  }

  get ended(): readonly EndedPart[] {
    return this.#ended;
  }

  /** How long each file took. */
  get fileSeconds(): Record<string, number> {
    const files = this.#ended.flatMap(({ progress }) => progress.fileDurations);
    return Object.fromEntries(files.map(({ file, ms }) => [file, ms / 1000]));
  }

  log(line: string): void {
    this.#screen.print(`[${clock(Date.now() - this.#begin)}] ${line}`);
  }

  /** Does one part; an error it throws is its one failure. */
  async part(name: string, work: (part: Part) => Promise<Outcome>): Promise<Outcome> {
    const perFile = new Map<string, number>();
    const part: Part = {
      name,
      progress: new Progress(),
      failing: (test) => {
        const count = (perFile.get(test.file) ?? 0) + 1;
        perFile.set(test.file, count);
        // Where what all tests of a file need is broken, the first few say so.
        if (count <= PER_FILE) this.log(`FAIL ${name} ${titleOf(test)}`);
        else if (count === PER_FILE + 1) this.log(`FAIL ${name} ${test.file}: more tests fail`);
      },
      explain: (text) => this.#screen.print(beginning(text, EXPLANATION_LINES, 'in the log')),
    };
    if (!this.#screen.isLive) this.log(`${name} …`);
    const begin = Date.now();
    this.#running.set(part, begin);
    const outcome = await work(part).catch((error: unknown) =>
      failure(error instanceof Error ? error.message : String(error)),
    );
    this.#running.delete(part);
    const ended = { name, outcome, seconds: (Date.now() - begin) / 1000, progress: part.progress };
    this.#ended.push(ended);
    this.log(summary(ended));
    return outcome;
  }

  /** Prints all parts, the slowest tests and what failed; then, on a line of its own, the totals. */
  finish(lines: readonly string[] = []): { passed: number; failed: number } {
    clearInterval(this.#timer);
    this.#screen.show([]);
    const all = total(this.#ended.map(({ outcome }) => outcome));
    const text = [
      '',
      ...table(this.#ended),
      ...list(
        'The slowest tests',
        slowest(this.#ended, ({ progress }) => progress.tests),
      ),
      ...list(
        'The slowest files',
        slowest(this.#ended, ({ progress }) => progress.fileDurations),
      ),
      ...list('Failed', this.#ended.flatMap(failuresOf)),
      '',
      ...lines,
      `Took ${clock(Date.now() - this.#begin)}.`,
      counts(all, { always: true }),
    ];
    this.#screen.print(text.join('\n'));
    return all;
  }

  #showProgress(): void {
    const lines = [...this.#running].map(([{ name, progress }, begin]) => {
      const { files, filesDone, outcome } = progress;
      const far = files === undefined ? '' : `  ${filesDone}/${files} files, ${counts(outcome)}`;
      return `${name}${far}  ${clock(Date.now() - begin)}`;
    });
    if (this.#screen.isLive) this.#screen.show(lines);
    else if (lines.length > 0) this.log(lines.join(' · '));
  }
}

function clock(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

function summary({ name, outcome, seconds }: EndedPart): string {
  const said = counts(outcome).replace('failed', 'FAILED');
  return `${name}: ${said} in ${seconds.toFixed(1)} s${outcome.note === undefined ? '' : ` (${outcome.note})`}`;
}

function table(parts: readonly EndedPart[]): string[] {
  const width = Math.max(...parts.map(({ name }) => name.length));
  return parts.map(({ name, outcome, seconds }) => {
    const note = outcome.note === undefined ? '' : ` (${outcome.note})`;
    const said = counts(outcome).replace('failed', 'FAILED');
    return `${name.padEnd(width)}  ${seconds.toFixed(1).padStart(7)} s  ${said}${note}`;
  });
}

function list(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', `${title}:`, ...lines.map((line) => `  ${line}`)];
}

const titleOf = ({ file, name }: TestName): string => `${file}${name === undefined ? '' : ` › ${name}`}`;

function failuresOf({ name, outcome, progress }: EndedPart): string[] {
  const files = Map.groupBy(progress.failures, ({ file }) => file);
  const tests = [...files].flatMap(([file, failures]) => {
    const { shown, more } = few(failures, PER_FILE);
    return [...shown.map((test) => `${name} ${titleOf(test)}`), ...(more > 0 ? [`${name} ${file}: ${more} more`] : [])];
  });
  if (outcome.failed === 0 || (tests.length > 0 && outcome.note === undefined)) return tests;
  return [...tests, `${name}${outcome.note === undefined ? '' : `: ${outcome.note}`}`];
}
