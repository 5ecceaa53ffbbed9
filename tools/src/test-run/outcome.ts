/** How one part of the run ended. */
export interface Outcome {
  passed: number;
  failed: number;
  skipped?: number;
  /** For the reader, when the numbers alone do not tell. */
  note?: string;
}

export const PASSED: Outcome = { passed: 1, failed: 0 };

export function failure(note: string): Outcome {
  return { passed: 0, failed: 1, note };
}

/** The parts of a run, printed as they begin and end. */
export class Report {
  readonly #begin = Date.now();
  readonly #outcomes: { name: string; outcome: Outcome; seconds: number }[] = [];

  log(line: string): void {
    console.log(`[${this.#elapsed()}] ${line}`);
  }

  /** Does one part; an error it throws is its one failure. */
  async part(name: string, work: () => Promise<Outcome>): Promise<Outcome> {
    this.log(`${name} …`);
    const begin = Date.now();
    const outcome = await work().catch((error: unknown) =>
      failure(error instanceof Error ? error.message : String(error)),
    );
    const seconds = (Date.now() - begin) / 1000;
    this.#outcomes.push({ name, outcome, seconds });
    this.log(summary(name, outcome, seconds));
    return outcome;
  }

  /** Prints all parts and then, on a line of its own, the totals. */
  finish(): Outcome {
    console.log('');
    for (const { name, outcome, seconds } of this.#outcomes) console.log(summary(name, outcome, seconds));
    const passed = this.#outcomes.reduce((sum, { outcome }) => sum + outcome.passed, 0);
    const failed = this.#outcomes.reduce((sum, { outcome }) => sum + outcome.failed, 0);
    console.log(`Took ${this.#elapsed()}.`);
    console.log(`${passed} passed, ${failed} failed`);
    return { passed, failed };
  }

  #elapsed(): string {
    const seconds = Math.round((Date.now() - this.#begin) / 1000);
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  }
}

function summary(name: string, { passed, failed, skipped, note }: Outcome, seconds: number): string {
  const counts = [
    `${passed} passed`,
    ...(failed > 0 ? [`${failed} FAILED`] : []),
    ...(skipped ? [`${skipped} skipped`] : []),
  ];
  return `${name}: ${counts.join(', ')} in ${seconds.toFixed(1)} s${note === undefined ? '' : ` (${note})`}`;
}
