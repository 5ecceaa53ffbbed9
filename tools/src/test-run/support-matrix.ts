import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { root } from '../places.ts';
import { failure, PASSED, type Outcome } from './outcome.ts';

const REPORTS = join(root, '.polyvirt/conformance');
const PAGE = join(root, 'docs/support-matrix.md');

/** Forgets the reports of earlier runs, so that none of them is taken for one of this run. */
export async function forgetReports(): Promise<void> {
  await rm(REPORTS, { recursive: true, force: true });
}

/** Writes the support matrix from the reports of the conformance run. Fails when it is not what is committed. */
export async function supportMatrix(): Promise<Outcome> {
  // Everything it stands on is built by now, and not before.
  const { COLUMNS, supportMatrixPage } = await import('../generate/support-matrix.ts');
  const reports = await Promise.all(
    COLUMNS.map(async ({ report }) => [report, JSON.parse(await readFile(join(REPORTS, `${report}.json`), 'utf8'))]),
  );
  const page = supportMatrixPage(Object.fromEntries(reports) as Parameters<typeof supportMatrixPage>[0]);
  const text = await format(page, { ...(await resolveConfig(PAGE)), filepath: PAGE });
  if ((await readFile(PAGE, 'utf8').catch(() => undefined)) === text) return PASSED;
  await writeFile(PAGE, text);
  return failure('docs/support-matrix.md was out of date, and is now written anew');
}
