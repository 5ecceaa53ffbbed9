import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compiledPackages, compiler } from './build.ts';
import { root } from './places.ts';

describe('compiler', () => {
  it('builds every package that says how it is built', () => {
    const packages = compiledPackages();
    expect(packages.get('@polyvirt/gateway')).toBe('apps/gateway');
    expect(packages.size).toBeGreaterThan(10);
    // One that is built in another way would be left out.
    for (const folder of packages.values()) {
      const { scripts } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as {
        scripts: { build: string };
      };
      // What runs in a browser is bundled behind that, by `webBundle`.
      expect([folder, scripts.build]).toEqual([folder, folder === 'apps/web' ? 'tsc -b && vite build' : 'tsc -b']);
    }
    expect(compiler().args).toEqual(['-b', ...packages.values()]);
  });

  it('builds what is named', () => {
    expect(compiler(['@polyvirt/gateway']).args).toEqual(['-b', 'apps/gateway']);
    expect(() => compiler(['@polyvirt/none'])).toThrow('no package of this repository is called @polyvirt/none');
  });
});
