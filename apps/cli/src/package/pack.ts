import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle, folder, oldestNode } from './bundle.ts';

const programs = { polyvirt: 'main', vm_manager: 'vm-manager' } as const;

/** Bundles each program into one file and packs them below `into`; answers the path of the tarball that `npm i -g` installs. */
export function pack(into = join(folder, 'dist')): string {
  const staged = join(into, 'staged');
  rmSync(staged, { recursive: true, force: true });
  mkdirSync(staged, { recursive: true });
  const { version, license, description } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<
    string,
    string
  >;
  for (const [program, source] of Object.entries(programs)) bundle(source, join(staged, `${program}.mjs`), version!);
  const manifest = {
    name: '@polyvirt/cli',
    version,
    description,
    license,
    type: 'module',
    bin: Object.fromEntries(Object.keys(programs).map((program) => [program, `${program}.mjs`])),
    engines: { node: `>=${oldestNode}` },
  };
  writeFileSync(join(staged, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  writeFileSync(join(staged, 'README.md'), '# polyvirt\n\nThe command line of Polyvirt: `polyvirt --help`.\n');
  const shown = execFileSync('npm', ['pack', '--json', '--pack-destination', into], { cwd: staged, encoding: 'utf8' });
  return join(into, (JSON.parse(shown) as [{ filename: string }])[0].filename);
}
