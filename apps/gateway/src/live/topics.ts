import { VmId, type Permission } from '@polyvirt/contracts';
import type { StreamEvent } from '../events/stream-event.ts';

/** What a live connection can hear. */
export interface Topic {
  readonly permission: Permission;
  /** Whether it brings an event; readings come by themselves. */
  readonly brings: (event: StreamEvent) => boolean;
  /** The VM whose readings it brings. */
  readonly metricsOf?: VmId;
}

const family =
  (prefix: string) =>
  ({ type }: StreamEvent): boolean =>
    type.startsWith(prefix);

const named: Readonly<Record<string, Topic>> = {
  events: { permission: 'event:read', brings: () => true },
  vms: { permission: 'vm:read', brings: family('vm.') },
  hosts: { permission: 'host:read', brings: family('host.') },
  operations: { permission: 'operation:read', brings: family('operation.') },
  archives: { permission: 'archive:read', brings: family('archive.') },
};

export const topicNames = 'events, vms, hosts, operations, archives, vm:<id>, metrics:<id>';

/** The topic of a name, or undefined if there is none of that name. */
export function topicOf(name: string): Topic | undefined {
  if (Object.hasOwn(named, name)) return named[name];
  const [, kind, text] = /^(vm|metrics):(.+)$/.exec(name) ?? [];
  const id = VmId.safeParse(text);
  if (!id.success) return undefined;
  if (kind === 'vm') return { permission: 'vm:read', brings: ({ vmId }) => vmId === id.data };
  return { permission: 'metrics:read', brings: () => false, metricsOf: id.data };
}
