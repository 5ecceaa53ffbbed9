import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { npmProgram } from './npm-program.ts';
import { root } from './places.ts';

const readJson = (...path: string[]) => JSON.parse(readFileSync(join(root, ...path), 'utf8')) as unknown;

/** The packages of the repository that are compiled, by name, each with its folder. */
export function compiledPackages(): Map<string, string> {
  const { workspaces } = readJson('package.json') as { workspaces: readonly string[] };
  const manifests = globSync(
    workspaces.map((pattern) => `${pattern}/package.json`),
    { cwd: root },
  );
  return new Map(
    manifests
      .map(dirname)
      .filter((folder) => existsSync(join(root, folder, 'tsconfig.json')))
      .sort()
      .map((folder) => [(readJson(folder, 'package.json') as { name: string }).name, folder]),
  );
}

/**
 * The compiler and its arguments that build packages, all of them unless named, with everything that they refer to. What is up to
 * date is left as it is. One compiler for all of them takes half the time of one for each.
 */
export function compiler(names?: readonly string[]): { program: string; args: readonly string[] } {
  const packages = compiledPackages();
  const folders = (names ?? [...packages.keys()]).map((name) => {
    const folder = packages.get(name);
    if (folder === undefined) throw new RangeError(`no package of this repository is called ${name}`);
    return folder;
  });
  return { program: npmProgram('typescript', 'tsc'), args: ['-b', ...folders] };
}
