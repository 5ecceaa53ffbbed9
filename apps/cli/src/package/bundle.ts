import { createRequire } from 'node:module';
import { join } from 'node:path';

/** The folder of this package, from its sources as well as from what was built. */
export const folder = join(import.meta.dirname, '../..');

/** The programs are for this major version of Node.js and newer ones. */
export const oldestNode = 20;

/** For that, and told by older ones in words instead of by what they lack; modules of Node itself are all that comes before it. */
const banner = `#!/usr/bin/env node
if (Number.parseInt(process.versions.node, 10) < ${oldestNode}) {
  console.error('This needs Node.js ${oldestNode} or newer and runs on ' + process.versions.node + '. https://nodejs.org has it.');
  process.exit(1);
}
import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);`;

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
    target: `node${oldestNode}`,
    conditions: ['@polyvirt/source'],
    // The native parts of ws are optional, and none of the tarball's.
    external: ['bufferutil', 'utf-8-validate'],
    define: { POLYVIRT_CLI_VERSION: JSON.stringify(version) },
    banner: { js: banner },
  });
}
