import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, relative } from 'node:path';
import type * as esbuild from 'esbuild';
import { root } from '../places.ts';
import { launcher } from './launcher.ts';

/** A program of ours that runs without the repository, from what `npm i -g` makes of one file. */
export interface Tarball {
  /** Folder of its package here; version, license and description come from there. */
  readonly folder: string;
  /** Name of the program. */
  readonly program: string;
  /** What was built and goes into one file each, by the name of that file. `main` is what the program runs. */
  readonly modules: Readonly<Record<string, string>>;
  /** Packages that are carried along as they are, each with the files that it is used for. */
  readonly packages?: Readonly<Record<string, readonly string[]>>;
  /** Folders that are carried along, by their names there. */
  readonly folders?: Readonly<Record<string, string>>;
  readonly readme: string;
}

/** Agents set authorities of certificates while they run. */
export const oldestNode = [22, 19] as const;

/** Parts of libraries that they look for and do without. */
const optional = [
  ...[
    '@nestjs/websockets/*',
    '@nestjs/platform-express',
    'class-validator',
    'class-transformer',
    'class-transformer/*',
  ],
  ...['@grpc/*', 'kafkajs', 'mqtt', 'nats', 'ioredis', 'amqplib', 'amqp-connection-manager', 'cache-manager'],
  ...['@fastify/multipart', '@fastify/view', 'bufferutil', 'utf-8-validate'],
  // Databases that TypeORM knows and the gateway does not use.
  ...['mssql', 'pg', 'pg-native', 'pg-query-stream', 'oracledb', 'sqlite3', 'sql.js', 'mongodb', 'mysql', 'redis'],
  ...['@google-cloud/spanner', '@sap/*', 'hdb-pool', 'typeorm-aurora-data-api-driver', 'react-native-sqlite-storage'],
  ...['expo-sqlite', 'ts-node', 'typescript', 'dotenv'],
];

interface Manifest {
  readonly version: string;
  readonly license?: string;
  readonly description?: string;
}

const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

/** Packs what has been built, below `into`; answers the path of the tarball. */
export function packTarball(tarball: Tarball, into = join(root, tarball.folder, 'dist')): string {
  const { folder, program, modules, packages = {}, folders = {}, readme } = tarball;
  const staged = join(into, `staged-${program}`);
  rmSync(staged, { recursive: true, force: true });
  mkdirSync(join(staged, 'dist'), { recursive: true });
  const carried = Object.keys(packages);
  for (const [name, entry] of Object.entries(modules))
    bundle(join(root, entry), join(staged, 'dist', `${name}.mjs`), carried);
  writeFileSync(join(staged, 'dist', `${program}.mjs`), launcher(program, oldestNode));
  for (const [name, from] of Object.entries(folders)) cpSync(join(root, from), join(staged, name), { recursive: true });
  const { version, license, description } = manifestOf(join(root, folder));
  const manifest = {
    name: `@polyvirt/${basename(folder)}`,
    version,
    description,
    license,
    type: 'module',
    bin: { [program]: `dist/${program}.mjs` },
    // For machines whose own Node.js is older; `npm i -g` does without where it cannot be had.
    optionalDependencies: {
      node: (manifestOf(root) as unknown as { devDependencies: { node: string } }).devDependencies.node,
    },
    dependencies: Object.fromEntries(
      Object.entries(packages).map(([name, files]) => [name, carry(name, files, join(staged, 'node_modules', name))]),
    ),
    bundleDependencies: carried,
  };
  writeFileSync(join(staged, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  writeFileSync(join(staged, 'README.md'), readme);
  const shown = execFileSync('npm', ['pack', '--json', '--pack-destination', into], { cwd: staged, encoding: 'utf8' });
  return join(into, (JSON.parse(shown) as [{ filename: string }])[0].filename);
}

/** Copies what is used of a package; without its scripts and dependencies there is nothing to fetch or compile. Answers its version. */
function carry(name: string, files: readonly string[], to: string): string {
  const from = join(root, 'node_modules', name);
  mkdirSync(to, { recursive: true });
  for (const file of files)
    cpSync(join(from, file), join(to, file), {
      recursive: true,
      filter: (path) => !relative(from, path).endsWith('.map'),
    });
  const {
    dependencies: _,
    devDependencies: __,
    scripts: ___,
    bin: ____,
    ...manifest
  } = manifestOf(from) as unknown as Record<string, unknown> & { version: string };
  writeFileSync(join(to, 'package.json'), JSON.stringify(manifest, undefined, 2));
  return manifest.version;
}

/** Writes a program that was built into one file with everything that it uses; from what tsc made, as Nest reads its metadata. */
function bundle(entry: string, outfile: string, carried: readonly string[]): void {
  const { buildSync } = createRequire(import.meta.url)('esbuild') as typeof esbuild;
  buildSync({
    entryPoints: [entry],
    outfile,
    bundle: true,
    minify: true,
    keepNames: true,
    platform: 'node',
    format: 'esm',
    target: `node${oldestNode[0]}`,
    logLevel: 'error',
    external: [...optional, ...carried.flatMap((name) => [name, `${name}/*`])],
    // Modules in CommonJS ask for those of Node.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
  });
}
