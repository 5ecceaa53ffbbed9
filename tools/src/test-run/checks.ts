import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { compiler } from '../build.ts';
import { GENERATORS } from '../generators.ts';
import { npmProgram } from '../npm-program.ts';
import { root } from '../places.ts';
import { failure, PASSED, type Outcome } from './outcome.ts';
import { runProgram } from './program.ts';

const MINUTE = 60_000;
/** Of what a program that fails has printed; all of it is in the log. */
const LAST_LINES = 200;

/** Where a check says what it finds. */
export interface CheckOutput {
  /** Told every line that its program prints. */
  output: (line: string) => void;
  /** Told what it printed, when it fails. */
  explain: (text: string) => void;
}

/** Something that is to be so before any test is run. */
export interface Check {
  readonly name: string;
  /** See {@link Job}. */
  readonly load: number;
  readonly seconds: number;
  readonly after?: readonly string[];
  run(output: CheckOutput): Promise<Outcome>;
}

export const CHECKS: readonly Check[] = [
  { name: 'build', load: 1, seconds: 40, run: (to) => build(to) },
  { name: 'lint', load: 1.2, seconds: 45, run: (to) => succeeds(npmProgram('eslint'), ['.'], 20 * MINUTE, to) },
  {
    name: 'format',
    load: 1,
    seconds: 18,
    run: (to) => succeeds(npmProgram('prettier'), ['--check', '.'], 10 * MINUTE, to),
  },
  { name: 'generated files', load: 1, seconds: 3, after: ['build'], run: generatedFiles },
];

export async function build(to: CheckOutput, names?: readonly string[]): Promise<Outcome> {
  const { program, args } = compiler(names);
  return await succeeds(program, args, 20 * MINUTE, to);
}

/** Fails when a generated file is not what the sources say. */
async function generatedFiles(to: CheckOutput): Promise<Outcome> {
  const stale = await regenerate(to);
  return stale.length === 0 ? PASSED : failure(`out of date, and now written anew: ${stale.join(', ')}`);
}

/** Writes every generated file again and resolves with those that have changed. */
export async function regenerate(to: CheckOutput): Promise<string[]> {
  const files = GENERATORS.flatMap(({ writes }) => writes);
  const before = await contents(files);
  for (const { script, args } of GENERATORS) {
    const { failed, note } = await succeeds(join(root, script), args, 5 * MINUTE, to);
    if (failed > 0) throw new Error(`${script}: ${note}`);
  }
  const after = await contents(files);
  return files.filter((path) => before.get(path) !== after.get(path));
}

async function succeeds(
  script: string,
  args: readonly string[],
  timeoutMs: number,
  { output, explain }: CheckOutput,
): Promise<Outcome> {
  const printed: string[] = [];
  const end = await runProgram(script, args, {
    timeoutMs,
    output: (line) => {
      printed.push(line);
      output(line);
    },
  });
  if ('code' in end && end.code === 0) return PASSED;
  explain(printed.slice(-LAST_LINES).join('\n'));
  return failure('killed' in end ? `not finished after ${timeoutMs / MINUTE} minutes` : `exit code ${end.code}`);
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
