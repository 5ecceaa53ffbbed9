import { join } from 'node:path';
import { ensureLibvirt } from './machine/libvirt.ts';
import { ensurePackages } from './machine/packages.ts';
import { root } from './places.ts';
import { build } from './test-run/checks.ts';
import { interrupt, runProgram } from './test-run/program.ts';

/** Measures everything, or what is named; `npm run bench -- --help` lists it. */
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt(signal));

const log = (line: string) => console.error(line);
await ensurePackages(['kvm', 'nats'], { log });
await ensureLibvirt({ log });
const { failed, note } = await build({ output: console.error, explain: () => undefined });
if (failed > 0) throw new Error(`the build failed: ${note}`);
const end = await runProgram(join(root, 'bench/dist/main.js'), process.argv.slice(2), { timeoutMs: 60 * 60_000 });
process.exitCode = 'code' in end ? end.code : 1;
