import { createRequire } from 'node:module';
import { join } from 'node:path';

/** The folder of this package, from its sources as well as from what was built. */
export const folder = join(import.meta.dirname, '../..');

/** Writes a module of this package, named without its ending, into one file with everything that it uses. */
export function bundle(module: string, outfile: string, version: string): void {
  const { buildSync } = createRequire(import.meta.url)('esbuild') as typeof import('esbuild');
  buildSync({
    entryPoints: [join(folder, 'src', `${module}.ts`)],
    outfile,
    bundle: true,
    minify: true,
    keepNames: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['@polyvirt/source'],
    // The native parts of ws are optional, and none of the tarball's.
    external: ['bufferutil', 'utf-8-validate'],
    define: { POLYVIRT_CLI_VERSION: JSON.stringify(version) },
    banner: {
      js: "#!/usr/bin/env node\nimport { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
  });
}
