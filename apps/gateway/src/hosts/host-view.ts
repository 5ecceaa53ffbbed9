import { capabilityNames, type Capabilities, type Host } from '@polyvirt/contracts';
import { isoTime } from '../database/columns.ts';
import type { RegisteredHost } from './host-register.ts';
import type { RegisteredHostEntity } from './registered-host.entity.ts';

/** Whether there will be an agent some time. */
export const isExpected = ({ removedAt }: RegisteredHostEntity): boolean => removedAt === null;

/** Who drained the host, and since when; undefined while it takes commands. */
export function drainOf(registered: RegisteredHost | undefined): Host['drain'] {
  const { drainedAt, drainedBy } = registered?.row ?? {};
  return drainedAt == null ? undefined : { since: isoTime(drainedAt), by: drainedBy ?? '' };
}

/** How it came in; nothing for a host that has its credential from whoever starts it. */
export function joinOf({ joined, waiting }: RegisteredHost): Pick<Host, 'join'> {
  if (!joined && !waiting) return {};
  return {
    join: {
      ...(waiting && { tokenExpiresAt: isoTime(waiting.expiresAt) }),
      ...(joined && { joinedAt: isoTime(joined.joinedAt!) }),
      ...(joined?.joinedFrom != null && { joinedFrom: joined.joinedFrom }),
    },
  };
}

/** A host whose agent has not been there yet. */
export function viewOfAbsent(registered: RegisteredHost): Host {
  const { row } = registered;
  const drain = drainOf(registered);
  const reason = `${row.id} has not joined yet.`;
  return {
    id: row.id,
    hypervisor: row.hypervisor,
    simulated: false,
    health: { status: 'undetected', detail: whatIsAwaited(registered) },
    capabilities: Object.fromEntries(
      capabilityNames.map((name) => [name, { available: false, reason }]),
    ) as unknown as Capabilities,
    capacity: {},
    notes: [],
    state: 'joining',
    totals: { vms: 0, running: 0, cpus: 0, memoryMiB: 0 },
    ...joinOf(registered),
    ...(drain && { drain }),
  };
}

function whatIsAwaited({ row, joined, waiting }: RegisteredHost): string {
  if (joined)
    return `It joined at ${isoTime(joined.joinedAt!)}, and its agent has not begun yet. \`polyvirt-agent run\` on it begins.`;
  if (waiting && waiting.expiresAt > Date.now())
    return `Waits for its agent. Run the line that \`polyvirt host add\` showed on it before ${isoTime(waiting.expiresAt)}.`;
  return `Its token has expired. \`polyvirt host rotate ${row.id}\` makes another.`;
}
