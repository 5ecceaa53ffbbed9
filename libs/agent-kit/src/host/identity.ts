import type { HostId } from '@polyvirt/contracts';
import { randomUUID } from 'node:crypto';

/** Who this agent is among those that ever looked after the host. */
export interface AgentIdentity {
  readonly host: HostId;
  /** Version of the agent. */
  readonly version: string;
  /** New with every start. */
  readonly incarnation: string;
  readonly startedAt: string;
}

export const newIdentity = (host: HostId, version: string): AgentIdentity => ({
  host,
  version,
  incarnation: randomUUID(),
  startedAt: new Date().toISOString(),
});
