import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from './bundle.ts';

/** The folder of this package, from its sources as well as from what was built. */
const folder = join(import.meta.dirname, '../..');
const drivers = ['kvm', 'vmware', 'nutanix'];

/** Packs the program and the three agents, which have to be built, below `into`; answers the path of the tarball that `npm i -g` installs. */
export function pack(into = join(folder, 'dist')): string {
  const staged = join(into, 'staged');
  rmSync(staged, { recursive: true, force: true });
  mkdirSync(join(staged, 'dist'), { recursive: true });
  const { version, license, description } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<
    string,
    string
  >;
  bundle(join(folder, 'dist/main.js'), join(staged, 'dist/polyvirt-agent.mjs'));
  for (const driver of drivers)
    bundle(join(folder, `../${driver}-agent/dist/main.js`), join(staged, `dist/${driver}-agent.mjs`));
  const manifest = {
    name: '@polyvirt/agent',
    version,
    description,
    license,
    type: 'module',
    bin: { 'polyvirt-agent': 'dist/polyvirt-agent.mjs' },
    engines: { node: '>=22.19' },
  };
  writeFileSync(join(staged, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  writeFileSync(
    join(staged, 'README.md'),
    '# polyvirt-agent\n\nJoins a machine as a host of Polyvirt, and runs the agent of its hypervisor: `polyvirt-agent --help`.\n',
  );
  const shown = execFileSync('npm', ['pack', '--json', '--pack-destination', into], { cwd: staged, encoding: 'utf8' });
  return join(into, (JSON.parse(shown) as [{ filename: string }])[0].filename);
}
