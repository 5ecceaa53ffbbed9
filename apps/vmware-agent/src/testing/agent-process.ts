import { runAgent, type AgentConfig } from '@polyvirt/agent-kit';
import { obeyKillOrders } from '@polyvirt/agent-kit/testing';
import { WorkstationDriver, type WorkstationDriverOptions } from '../workstation.driver.ts';

/** What the process is started with, as JSON in its first argument. */
export interface AgentProcessOptions {
  readonly config: AgentConfig;
  readonly driver: WorkstationDriverOptions;
}

const { config, driver } = JSON.parse(process.argv[2]!) as AgentProcessOptions;

await obeyKillOrders(config);
await runAgent({ driver: await WorkstationDriver.open(driver), config, version: '0.0.0' });
process.send?.('ready');
