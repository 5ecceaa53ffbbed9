import { join } from 'node:path';
import { testFolder } from '../places.ts';
import { readJson, writeJson } from './json-file.ts';

const FILE = join(testFolder, 'durations.json');

/** Seconds that files of tests took when they were run last. */
export async function lastDurations(): Promise<Record<string, number>> {
  return (await readJson<Record<string, number>>(FILE)) ?? {};
}

/** Remembers how long files took; those that were not run keep what is known of them. */
export async function rememberDurations(seconds: Readonly<Record<string, number>>): Promise<void> {
  await writeJson(FILE, { ...(await lastDurations()), ...seconds });
}

/** In a checkout without a run before it: the files that take more than a few seconds, roughly. */
export const expectedSeconds: Readonly<Record<string, number>> = {
  'apps/gateway/src/operations/operations.database.ts': 18,
  'apps/nutanix-agent/src/faults.simulator.ts': 87,
  'apps/nutanix-agent/src/variants.simulator.ts': 35,
  'apps/vmware-agent/src/power.simulator.ts': 13,
  'apps/vmware-agent/src/variants.simulator.ts': 37,
  'simulators/vmrun/src/behaviour/faults.simulator.ts': 14,
};
