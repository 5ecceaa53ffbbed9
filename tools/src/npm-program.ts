import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './places.ts';

/** The script that an installed npm package brings as a program of the same name, to be run by Node. */
export function npmProgram(name: string): string {
  const folder = join(root, 'node_modules', name);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    bin: string | Record<string, string>;
  };
  const script = typeof bin === 'string' ? bin : bin[name];
  if (script === undefined) throw new Error(`the package ${name} has no program of that name`);
  return join(folder, script);
}
