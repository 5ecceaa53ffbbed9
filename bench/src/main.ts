import { parseArgs } from 'node:util';
import { measureAcknowledgement } from './acknowledgement.bench.ts';
import { measureAnonymousFlood } from './anonymous-flood.bench.ts';
import { measureCommandLatency } from './command-latency.bench.ts';
import { measureCommandLine } from './command-line.bench.ts';
import { measureEventLatency } from './event-latency.bench.ts';
import { measureEventMemory } from './event-memory.bench.ts';
import { measureFlood } from './flood.bench.ts';
import { measureJoin } from './join.bench.ts';
import { measureListPage } from './list-page.bench.ts';
import { measureNutanixScale } from './nutanix-scale.bench.ts';
import { measurePlanLatency } from './plan-latency.bench.ts';
import { measureStatisticsSweep } from './statistics-sweep.bench.ts';
import { measureUpload } from './upload.bench.ts';
import { measureVmwareScale } from './vmware-scale.bench.ts';
import { measureWebConsole } from './web-console.bench.ts';
import type { Measurement, Row } from './row.ts';
import { renderTable } from './table.ts';

const measurements: Readonly<Record<string, Measurement>> = {
  statistics: measureStatisticsSweep,
  command: measureCommandLatency,
  plan: measurePlanLatency,
  acknowledgement: measureAcknowledgement,
  event: measureEventLatency,
  'event-memory': measureEventMemory,
  flood: measureFlood,
  list: measureListPage,
  'anonymous-flood': measureAnonymousFlood,
  nutanix: measureNutanixScale,
  vmware: measureVmwareScale,
  cli: measureCommandLine,
  join: measureJoin,
  upload: measureUpload,
  web: measureWebConsole,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', short: 'h' } },
});
const names = positionals.length > 0 ? positionals : Object.keys(measurements);
const unknown = names.filter((name) => !(name in measurements));

if (values.help || unknown.length > 0) {
  if (unknown.length > 0) console.error(`No such measurement: ${unknown.join(', ')}`);
  console.log(`Usage: npm run bench [-- MEASUREMENT ...]\n\nMeasurements: ${Object.keys(measurements).join(', ')}`);
  process.exit(unknown.length > 0 ? 2 : 0);
}

const rows: Row[] = [];
for (const name of names) rows.push(...(await measurements[name]!((line) => console.error(`${name}: ${line}`))));
console.log(`\n${renderTable(rows)}`);
const missed = rows.filter(({ met }) => !met).length;
console.log(missed === 0 ? '\nEvery bar is met.' : `\n${missed} of ${rows.length} bars are missed.`);
if (missed > 0) process.exitCode = 1;
