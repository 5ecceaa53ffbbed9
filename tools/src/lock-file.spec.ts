import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './places.ts';

type Versions = Record<string, string>;
interface Manifest {
  dependencies?: Versions;
  devDependencies?: Versions;
  optionalDependencies?: Versions;
}

const readJson = (...path: string[]) => JSON.parse(readFileSync(join(root, ...path), 'utf8')) as unknown;
const { packages } = readJson('package-lock.json') as { packages: Record<string, Manifest> };

/** Is there a package where Node would look for one that `path` asks for: beside it, or beside any folder above? */
function resolves(path: string, name: string): boolean {
  const parts = path.split('/');
  return (
    parts.some((_, index) => [...parts.slice(0, parts.length - index), 'node_modules', name].join('/') in packages) ||
    `node_modules/${name}` in packages
  );
}

// `npm ci`, which is the first thing on a fresh machine, refuses a lock that is not complete.
describe('package-lock.json', () => {
  it('names the packages for every platform, not only for this one', () => {
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter((name) => !resolves(path, name)),
    );
    expect(missing).toEqual([]);
  });

  it('has the dependencies that the manifests of the house declare', () => {
    const workspaces = Object.keys(packages).filter((path) => !path.includes('node_modules/'));
    expect(workspaces.length).toBeGreaterThan(5);
    for (const workspace of workspaces) {
      const { dependencies, devDependencies } = readJson(workspace, 'package.json') as Manifest;
      const locked = packages[workspace];
      expect({ workspace, dependencies: locked?.dependencies, devDependencies: locked?.devDependencies }).toEqual({
        workspace,
        dependencies,
        devDependencies,
      });
    }
  });
});
