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

/** All of them together. */
export function total(outcomes: readonly Outcome[]): { passed: number; failed: number; skipped: number } {
  const sum = (count: (outcome: Outcome) => number) => outcomes.reduce((so, outcome) => so + count(outcome), 0);
  return {
    passed: sum(({ passed }) => passed),
    failed: sum(({ failed }) => failed),
    skipped: sum(({ skipped = 0 }) => skipped),
  };
}

/** `3 passed, 1 failed, 2 skipped`; what is 0 is left out, but for the first two where `always` says so. */
export function counts({ passed, failed, skipped = 0 }: Outcome, { always = false } = {}): string {
  return [
    `${passed} passed`,
    ...(failed > 0 || always ? [`${failed} failed`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ].join(', ');
}
