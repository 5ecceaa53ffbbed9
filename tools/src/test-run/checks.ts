import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GENERATORS } from '../generators.ts';
import { npmProgram } from '../npm-program.ts';
import { root } from '../places.ts';
import { foreground } from './foreground.ts';
import { failure, PASSED, type Outcome } from './outcome.ts';

const MINUTE = 60_000;

export async function build(): Promise<Outcome> {
  return await succeeds(npmProgram('nx'), ['run-many', '-t', 'build', '--outputStyle', 'static'], 15 * MINUTE);
}

export async function lint(): Promise<Outcome> {
  return await succeeds(npmProgram('eslint'), ['.'], 10 * MINUTE);
}

export async function format(): Promise<Outcome> {
  return await succeeds(npmProgram('prettier'), ['--check', '.'], 5 * MINUTE);
}

/** Fails when a generated file is not what the sources say. Everything has to be built. */
export async function generatedFiles(): Promise<Outcome> {
  const stale = await regenerate();
  return stale.length === 0 ? PASSED : failure(`out of date, and now written anew: ${stale.join(', ')}`);
}

/** Writes every generated file again and resolves with those that have changed. */
export async function regenerate(): Promise<string[]> {
  const files = GENERATORS.flatMap(({ writes }) => writes);
  const before = await contents(files);
  for (const { script, args } of GENERATORS) {
    const { failed, note } = await succeeds(join(root, script), args, 5 * MINUTE);
    if (failed > 0) throw new Error(`${script}: ${note}`);
  }
  const after = await contents(files);
  return files.filter((path) => before.get(path) !== after.get(path));
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
