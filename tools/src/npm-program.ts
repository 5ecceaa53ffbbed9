import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './places.ts';

/** The script that an installed npm package brings as a program, usually of the same name, to be run by Node. */
export function npmProgram(packageName: string, program = packageName): string {
  const folder = join(root, 'node_modules', packageName);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    bin: string | Record<string, string>;
  };
  const script = typeof bin === 'string' ? bin : bin[program];
  if (script === undefined) throw new Error(`the package ${packageName} has no program ${program}`);
  return join(folder, script);
}
