import { join } from 'node:path';
import { ensurePackages } from './machine/packages.ts';
import { root } from './places.ts';
import { build } from './test-run/checks.ts';
import { interrupt, runProgram } from './test-run/program.ts';

/** Lets things fail at random beside a stack under load; `npm run chaos -- --help` says how. */
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt(signal));

await ensurePackages(['kvm', 'nats'], { log: (line: string) => console.error(line) });
const { failed, note } = await build({ output: console.error, explain: () => undefined });
if (failed > 0) throw new Error(`the build failed: ${note}`);
const timeoutMs = 24 * 60 * 60_000;
const end = await runProgram(join(root, 'e2e/dist/chaos/main.js'), process.argv.slice(2), { timeoutMs });
process.exitCode = 'code' in end ? end.code : 1;
