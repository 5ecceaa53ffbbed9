import 'reflect-metadata';
import { agentSettings, runAgent } from '@polyvirt/agent-kit';
import { defineConfig, loadConfig, setting } from '@polyvirt/config';
import { capabilityNames, Hypervisor, type CapabilityName } from '@polyvirt/contracts';
import { FakeDriver, type Fault } from '@polyvirt/hypervisor';
import { z } from 'zod';

/** What whoever started the agent may tell it. */
export interface FaultMessage {
  /** From now on these faults are armed, and no others. */
  readonly faults: readonly Fault[];
}

const config = loadConfig(
  defineConfig({
    ...agentSettings,
    state: setting({
      env: 'POLYVIRT_FAKE_STATE',
      schema: z.string().startsWith('/'),
      help: 'JSON file that holds the machines of the fake host.',
    }),
    hypervisor: setting({
      env: 'POLYVIRT_FAKE_HYPERVISOR',
      schema: Hypervisor,
      help: 'The hypervisor that the fake host says it has.',
      default: 'kvm',
    }),
    bootMs: setting({
      env: 'POLYVIRT_FAKE_BOOT_MS',
      schema: z.coerce.number().int().min(0),
      help: 'How long a guest needs before it hears the power button, in milliseconds.',
      default: 20,
    }),
    shutdownMs: setting({
      env: 'POLYVIRT_FAKE_SHUTDOWN_MS',
      schema: z.coerce.number().int().min(0),
      help: 'How long a guest takes to shut down, in milliseconds.',
      default: 20,
    }),
    without: setting({
      env: 'POLYVIRT_FAKE_WITHOUT',
      schema: z
        .string()
        .transform((text) => text.split(','))
        .pipe(z.array(z.enum(capabilityNames))),
      help: 'Facets that the fake host does without, with commas.',
      default: [],
    }),
  }),
);

const reasons = config.without.map((name): [CapabilityName, string] => [name, `This fake host has no ${name}.`]);
const driver = new FakeDriver({
  file: config.state,
  hypervisor: config.hypervisor,
  bootMs: config.bootMs,
  shutdownMs: config.shutdownMs,
  without: Object.fromEntries(reasons),
});

process.on('message', ({ faults }: FaultMessage) => {
  driver.faults.clear();
  for (const fault of faults) driver.faults.add(fault);
  process.send?.('armed');
});
// Whoever listens to the channel does not keep the process alive by it.
process.channel?.unref();

await runAgent({ config, version: '0.0.0-fake', driver });
