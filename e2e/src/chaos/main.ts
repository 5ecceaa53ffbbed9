import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { chaos } from './run.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    seed: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});
const minutes = Number(values.minutes);
const seed = values.seed === undefined ? randomInt(2 ** 31 - 1) : Number(values.seed);
if (values.help || !(minutes > 0) || !Number.isInteger(seed)) {
  console.log('usage: npm run chaos [-- --minutes <number>] [--seed <number>]');
  process.exit(values.help ? 0 : 64);
}
console.log(`seed ${seed}, ${minutes} minutes`);
const began = performance.now();
const log = (line: string) => console.log(`[${((performance.now() - began) / 1_000).toFixed(0)} s] ${line}`);
const { faults, table } = await chaos({ minutes, seed, log });
console.log(`\n${table}`);
console.log(
  faults.length === 0
    ? '\nNothing was wrong.'
    : `\nWrong (again: npm run chaos -- --minutes ${minutes} --seed ${seed}):\n${faults.join('\n')}`,
);
process.exitCode = faults.length === 0 ? 0 : 1;
