import { join } from 'node:path';
import { testFolder } from '../places.ts';
import type { TestName } from './jest-messages.ts';
import { readJson, writeJson } from './json-file.ts';
import type { Outcome } from './outcome.ts';

const FILE = join(testFolder, 'failed.json');

/** What failed in a part of a run: these tests, or without any the part as a whole. */
export interface FailedPart {
  readonly name: string;
  readonly tests: readonly TestName[];
}

/** What has to be run again to see whether the failures of a run are gone. */
export function failedParts(
  parts: readonly {
    readonly name: string;
    readonly outcome: Outcome;
    readonly progress: { readonly failures: readonly TestName[] };
  }[],
): FailedPart[] {
  return parts
    .filter(({ outcome, progress }) => outcome.failed > 0 || progress.failures.length > 0)
    .map(({ name, outcome, progress }) => {
      // More failures than tests that failed: something besides them went wrong.
      const isExplained = outcome.failed <= progress.failures.length;
      return { name, tests: isExplained ? progress.failures : [] };
    });
}

/** The names of the failed tests of each file; an empty list stands for all tests of the file. */
export function namesByFile(tests: readonly TestName[]): Record<string, string[]> {
  const names: Record<string, string[]> = {};
  const whole = new Set(tests.filter(({ name }) => name === undefined).map(({ file }) => file));
  for (const { file, name } of tests) {
    const known = (names[file] ??= []);
    if (name !== undefined && !whole.has(file) && !known.includes(name)) known.push(name);
  }
  return names;
}

export async function readFailed(): Promise<FailedPart[]> {
  return (await readJson<FailedPart[]>(FILE)) ?? [];
}

export async function writeFailed(parts: readonly FailedPart[]): Promise<void> {
  await writeJson(FILE, parts);
}
