export { eventually } from '@polyvirt/bus/testing';
export { AgentBench, host } from './agent-bench.ts';
export { AgentChild } from './agent-child.ts';
export { bundled } from './bundle.ts';
export { obeyKillOrders } from './kill-orders.ts';
export { MortalAgent, type KillScenario } from './mortal-agent.ts';
export { UploadServer } from './upload-server.ts';
