import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { npmProgram } from '../npm-program.ts';
import { root } from '../places.ts';
import { foreground } from './foreground.ts';
import { failure, PASSED, type Outcome } from './outcome.ts';

const MINUTE = 60_000;

/** Programs that write files which are committed, and the files. */
const GENERATED: readonly { script: string; args: readonly string[]; writes: readonly string[] }[] = [];

export async function build(): Promise<Outcome> {
  return await succeeds(npmProgram('nx'), ['run-many', '-t', 'build', '--outputStyle', 'static'], 15 * MINUTE);
}

export async function lint(): Promise<Outcome> {
  return await succeeds(npmProgram('eslint'), ['.'], 10 * MINUTE);
}

export async function format(): Promise<Outcome> {
  return await succeeds(npmProgram('prettier'), ['--check', '.'], 5 * MINUTE);
}

/** Writes every generated file again and fails when one was not what the sources say. */
export async function generatedFiles(): Promise<Outcome> {
  const stale: string[] = [];
  for (const { script, args, writes } of GENERATED) {
    const before = await contents(writes);
    const outcome = await succeeds(join(root, script), args, 5 * MINUTE);
    if (outcome.failed > 0) return outcome;
    const after = await contents(writes);
    stale.push(...writes.filter((path) => before.get(path) !== after.get(path)));
  }
  return stale.length === 0 ? PASSED : failure(`out of date, and now written anew: ${stale.join(', ')}`);
}

async function succeeds(script: string, args: readonly string[], timeoutMs: number): Promise<Outcome> {
  const end = await foreground(script, args, { timeoutMs });
  if ('killed' in end) return failure(`not finished after ${timeoutMs / MINUTE} minutes`);
  return end.code === 0 ? PASSED : failure(`exit code ${end.code}`);
}

/** A digest of each file, or of everything below a folder. */
async function contents(paths: readonly string[]): Promise<Map<string, string>> {
  const digests = await Promise.all(
    paths.map(async (path) => {
      const hash = createHash('sha256');
      for (const file of await filesOf(join(root, path))) hash.update(`${file}\0`).update(await readFile(file));
      return [path, hash.digest('hex')] as const;
    }),
  );
  return new Map(digests);
}

async function filesOf(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return [];
  if (found.isFile()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
