import { events, HostId, severalOf, VmId } from '@polyvirt/contracts';
import { z } from 'zod';
import type { StreamEvent } from './stream-event.ts';

const names: ReadonlySet<string> = new Set(events.map((event) => event.name));
const entities: ReadonlySet<string> = new Set(events.map((event) => `${event.name.split('.')[0]}.*`));

const Sequence = z
  .string()
  .regex(/^\d{1,15}$/, 'A cursor is the `id:` of an event.')
  .transform(Number);

/** Query of `GET /events`. */
export const EventsQuery = z
  .strictObject({
    since: Sequence.optional().describe(
      '`id:` of the last event that was seen. The header `Last-Event-ID` goes before it.',
    ),
    types: severalOf(z.string().refine((type) => names.has(type) || entities.has(type), 'There is no such event.'))
      .optional()
      .describe('Types of events, with commas: `vm.created,operation.*`.'),
    hosts: severalOf(HostId).optional().describe('Ids of hosts, with commas.'),
    vm: severalOf(VmId).optional().describe('Only events about these VMs, their operations included.'),
    ticket: z
      .string()
      .max(64)
      .optional()
      .describe('Of `POST /events/ticket`, in place of a bearer token: an `EventSource` cannot send one.'),
  })
  .meta({ id: 'EventsQuery' });
export type EventsQuery = z.infer<typeof EventsQuery>;

/** `Last-Event-ID`; one that is not of ours is a mistake of the caller, like any bad parameter. */
export const LastEventId = Sequence;

export type EventFilter = Pick<EventsQuery, 'types' | 'hosts' | 'vm'>;

export function eventMatcher({ types, hosts, vm }: EventFilter): (event: StreamEvent) => boolean {
  const exact = types && new Set(types);
  const wantedHosts = hosts && new Set(hosts);
  const wantedVms = vm && new Set(vm);
  return ({ type, host, vmId }) =>
    (!exact || exact.has(type) || exact.has(`${type.slice(0, type.indexOf('.'))}.*`)) &&
    (!wantedHosts || wantedHosts.has(host)) &&
    (!wantedVms || (vmId !== undefined && wantedVms.has(vmId)));
}
