import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Enclosure } from '@polyvirt/tools';
import { chaos } from './run.ts';

const usualMinutes = '1.5';
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: usualMinutes },
    seed: { type: 'string' },
    enclosed: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  },
});
const minutes = Number(values.minutes);
const seed = values.seed === undefined ? randomInt(2 ** 31 - 1) : Number(values.seed);
if (values.help || !(minutes > 0) || !Number.isInteger(seed)) {
  console.log(`usage: npm run chaos [-- --minutes <number, ${usualMinutes} unless given>] [--seed <number>]`);
  process.exit(values.help ? 0 : 64);
}

if (process.getuid?.() === 0 && !values.enclosed) {
  // What is killed in there is nobody else's, be it a libvirtd, and nothing in there outlives it.
  const args = [fileURLToPath(import.meta.url), '--minutes', `${minutes}`, '--seed', `${seed}`, '--enclosed'];
  const enclosure = await Enclosure.open(process.execPath, args);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void enclosure.close());
  try {
    process.exitCode = await enclosure.ended();
  } finally {
    await enclosure.close();
  }
} else {
  console.log(`seed ${seed}, ${minutes} minutes`);
  const began = performance.now();
  const log = (line: string) => console.log(`[${((performance.now() - began) / 1_000).toFixed(0)} s] ${line}`);
  const { faults, table, logs } = await chaos({ minutes, seed, log, isEnclosed: values.enclosed === true });
  console.log(`\n${table}`);
  if (faults.length === 0) console.log('\nNothing was wrong.');
  else {
    console.log(`\nWrong (again: npm run chaos -- --minutes ${minutes} --seed ${seed}; logs in ${logs}):`);
    console.log(faults.join('\n'));
  }
  process.exitCode = faults.length === 0 ? 0 : 1;
}
