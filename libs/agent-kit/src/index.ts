export { Agent, type AgentOptions } from './agent.ts';
export { SecondAgentError } from './host/only-agent.ts';
export { runAgent } from './run-agent.ts';
export { agentSettings, type AgentConfig } from './settings.ts';
