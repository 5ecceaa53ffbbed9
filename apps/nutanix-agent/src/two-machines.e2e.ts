import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from '@jest/globals';
import { bundled } from '@polyvirt/agent-kit/testing';
import { storiesOn } from '@polyvirt/e2e/story';
import { bringImages, longMs, workWithTwoMachines } from '@polyvirt/e2e/two-machines';
import { isoOf } from '@polyvirt/hypervisor/testing';
import { driverOptions } from './testing/prism-bench.ts';
import { PrismSimulator } from './testing/prism-simulator.ts';

const host = 'prism-a';
let prism: PrismSimulator | undefined;

const story = storiesOn(async () => {
  prism = await PrismSimulator.start({ args: ['--seed-vms', '2'] });
  const { url, username, password, defaultCluster } = driverOptions(prism);
  const settings = {
    POLYVIRT_SIMULATED: 'true',
    POLYVIRT_PRISM_ADDRESS: url,
    POLYVIRT_PRISM_USERNAME: username,
    POLYVIRT_PRISM_PASSWORD: password,
    POLYVIRT_PRISM_CA: prism.certificate,
    POLYVIRT_PRISM_CLUSTER: defaultCluster!,
  };
  const entry = bundled(fileURLToPath(new URL('../dist/main.js', import.meta.url)));
  return { agents: [{ kind: 'own', id: host, entry, settings }] };
});

// After the stack, whose agent works on it.
afterAll(() => prism?.stop());

story(
  'works with two machines on Prism as a person does, as far as it offers that',
  async ({ admin: client, folder, prefix }) => {
    const [iso, image] = [join(folder, 'boot.iso'), join(folder, 'small.raw')];
    await writeFile(iso, isoOf(2 ** 20));
    await writeFile(image, Buffer.alloc(2 ** 20));
    const place = { client, host, prefix, iso, image };
    await bringImages(place);
    await workWithTwoMachines(place);
  },
  longMs,
);
