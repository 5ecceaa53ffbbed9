import { existsSync, globSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, readlink, realpath, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { run } from '../machine/command.ts';
import { packAgent } from '../pack/programs.ts';
import { root } from '../places.ts';

/** Beside the Dockerfile, which copies from here. */
export const packedFolder = join(root, 'deploy/dist');

/** Packages whose programs run in containers of one image, each with what it needs and no more. */
const server = ['apps/gateway', 'apps/organizer', 'tools'];
/** Of the web console the gateway serves what was bundled. */
const bundles = ['apps/web/dist'];
/** What no program reads: types, and the sources of what is there compiled. */
const idle = /(?:\.d\.[cm]?ts(?:\.map)?|\.tsbuildinfo|\/better-sqlite3\/(?:deps|src|build\/Release\/obj[^/]*))$/;

/** More than the slowest machine takes. */
const packedWithinMs = 600_000;

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

const packers: Readonly<Record<string, (into: string) => Promise<void>>> = {
  server: packServer,
  agent: packPolyvirtAgent,
  'vmrun-simulator': packSimulator,
};

/** Packs everything that was built; answers the folders. Each replaces the one that was packed before when it is whole. */
export async function packImages(into = packedFolder): Promise<string[]> {
  await mkdir(into, { recursive: true });
  const draft = await mkdtemp(join(into, 'draft-'));
  try {
    for (const [name, pack] of Object.entries(packers)) {
      await pack(join(draft, name));
      await rm(join(into, name), { recursive: true, force: true });
      await rename(join(draft, name), join(into, name));
    }
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return Object.keys(packers).map((name) => join(into, name));
}

/** The packages as they are in the repository, so that they find each other in the same way. */
async function packServer(into: string): Promise<void> {
  for (const folder of await closureOf(server)) await copy(folder, into);
  for (const bundle of bundles) await copy(bundle, into);
  // Ours are links.
  for (const link of globSync('node_modules/@polyvirt/*', { cwd: root })) {
    const target = relative(root, await realpath(join(root, link)));
    if (!existsSync(join(into, target, 'package.json'))) continue;
    await mkdir(dirname(join(into, link)), { recursive: true });
    await symlink(await readlink(join(root, link)), join(into, link));
  }
}

/** The package that every machine with a hypervisor gets. */
async function packPolyvirtAgent(into: string): Promise<void> {
  const folder = await mkdtemp(`${into}-`);
  await mkdir(into, { recursive: true });
  await run('tar', ['-xf', packAgent(folder), '-C', into, '--strip-components=1', '--no-same-owner'], {
    timeoutMs: packedWithinMs,
  });
  await rm(folder, { recursive: true, force: true });
}

async function packSimulator(into: string): Promise<void> {
  for (const part of ['bin', 'dist', 'package.json'])
    await cp(join(root, 'simulators/vmrun', part), join(into, part), {
      recursive: true,
      filter: (path) => !idle.test(path),
    });
}

/** Folders, below the root of the repository, of these packages and of all that they need where they run. */
export async function closureOf(folders: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  const visit = async (folder: string): Promise<void> => {
    if (found.has(folder)) return;
    found.add(folder);
    const manifest = JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8')) as Manifest;
    const { dependencies = {}, optionalDependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = manifest;
    const needed = Object.keys({ ...dependencies, ...peerDependencies }).filter(
      (name) => !(name in optionalDependencies) && (name in dependencies || !peerDependenciesMeta[name]?.optional),
    );
    for (const name of [...needed, ...Object.keys(optionalDependencies)]) {
      const place = await placeOf(name, folder);
      if (place !== undefined) await visit(place);
      else if (needed.includes(name)) throw new Error(`${folder} needs ${name}, which is not installed: run npm ci`);
    }
  };
  for (const folder of folders) await visit(folder);
  return [...found];
}

/** Where Node.js finds a package that one in that folder imports. */
async function placeOf(name: string, from: string): Promise<string | undefined> {
  for (let folder = from; ; folder = dirname(folder)) {
    const place = join(folder, 'node_modules', name);
    if (basename(folder) !== 'node_modules' && existsSync(join(root, place, 'package.json')))
      return relative(root, await realpath(join(root, place)));
    if (folder === '.') return undefined;
  }
}

/** Without the packages inside, which are copied where they are needed; of ours what was built. */
async function copy(folder: string, into: string): Promise<void> {
  const from = join(root, folder);
  const isOurs = !folder.includes('node_modules') && !bundles.includes(folder);
  const filter = (path: string) => {
    const inside = relative(from, path);
    if (inside === '') return true;
    if (isOurs && !/^(?:dist|package\.json)(?:\/|$)/.test(inside)) return false;
    return !/(?:^|\/)node_modules(?:\/|$)/.test(inside) && !idle.test(path);
  };
  await cp(from, join(into, folder), { recursive: true, filter });
}
