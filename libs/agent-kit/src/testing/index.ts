export { eventually } from '@polyvirt/bus/testing';
export { AgentBench, host } from './agent-bench.ts';
export { AgentChild } from './agent-child.ts';
export { obeyKillOrders, type KillOrder } from './kill-orders.ts';
