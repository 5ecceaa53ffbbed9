import { FakeDriver, type FakeDriverOptions } from '@polyvirt/hypervisor';
import { runAgent } from '../run-agent.ts';
import type { AgentConfig } from '../settings.ts';
import { obeyKillOrders } from './kill-orders.ts';

/** What the process is started with, as JSON in its first argument. */
export interface AgentProcessOptions {
  readonly config: AgentConfig;
  readonly driver: FakeDriverOptions;
}

const { config, driver } = JSON.parse(process.argv[2]!) as AgentProcessOptions;

await obeyKillOrders(config);
await runAgent({ driver: new FakeDriver(driver), config, version: '0.0.0' });
process.send?.('ready');
