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

/** In a checkout without a run before it: the files that take longest, roughly, on two cores. */
export const expectedSeconds: Readonly<Record<string, number>> = {
  'apps/kvm-agent/src/libvirt.conformance.ts': 800,
  'apps/kvm-agent/src/random-life.conformance.ts': 100,
  'apps/nutanix-agent/src/faults.simulator.ts': 60,
  'apps/nutanix-agent/src/nutanix.kill.ts': 95,
  'apps/nutanix-agent/src/prism.conformance.ts': 65,
  'apps/nutanix-agent/src/variants.simulator.ts': 35,
  'apps/vmware-agent/src/faults.simulator.ts': 90,
  'apps/vmware-agent/src/variants.simulator.ts': 35,
  'apps/vmware-agent/src/workstation.conformance.ts': 70,
  'apps/vmware-agent/src/workstation.kill.ts': 140,
  'e2e/src/agent.kill.ts': 90,
  'e2e/src/archives.e2e.ts': 26,
  'e2e/src/bad-input.e2e.ts': 26,
  'e2e/src/batch.e2e.ts': 30,
  'e2e/src/gateway.kill.ts': 125,
  'e2e/src/nats-server.kill.ts': 105,
  'e2e/src/operations.e2e.ts': 29,
  'e2e/src/organizer.kill.ts': 85,
  'libs/agent-kit/src/operation/operation.kill.ts': 190,
  'libs/node-libvirt/src/qemu.libvirt.ts': 28,
  'tools/src/start/start.e2e.ts': 45,
};
