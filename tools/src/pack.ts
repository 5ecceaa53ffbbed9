import { build } from './test-run/checks.ts';
import { packAgent, packServer } from './pack/programs.ts';

/** Builds a program and packs it into one file: `npm run pack:agent`, `npm run pack:server`. */
const programs = {
  agent: { pack: packAgent, projects: ['agent', 'kvm-agent', 'vmware-agent', 'nutanix-agent'] },
  server: { pack: packServer, projects: ['server', 'gateway', 'organizer', 'web'] },
} as const;

const [name] = process.argv.slice(2);
const program = Object.entries(programs).find(([known]) => known === name)?.[1];
if (!program) {
  console.error(`usage: npm run pack:<${Object.keys(programs).join('|')}>`);
  process.exit(64);
}
const projects = program.projects.map((project) => `@polyvirt/${project}`);
const { failed, note } = await build({ output: console.error, explain: () => undefined }, projects);
if (failed > 0) throw new Error(`the build failed: ${note}`);
console.log(program.pack());
