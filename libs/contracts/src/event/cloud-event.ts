import { z } from 'zod';
import { Timestamp } from '../ids.ts';

/** CloudEvents 1.0, JSON format. `id` is the same however often the event is published. */
export const CloudEvent = z
  .object({
    specversion: z.literal('1.0'),
    id: z.string(),
    source: z.string().describe('`/hosts/<host>`, with `/agent`, `/gateway` or `/organizer` behind it.'),
    type: z.string().describe('`vm.created`'),
    subject: z.string().describe('Id of the VM, host or operation it is about.'),
    time: Timestamp,
    datacontenttype: z.literal('application/json'),
    traceparent: z.string().optional(),
    data: z.unknown(),
  })
  .meta({ id: 'CloudEvent' });
export interface CloudEvent<Data = unknown> extends Omit<z.infer<typeof CloudEvent>, 'data'> {
  data: Data;
}

/** The right to open one event stream without a bearer token. */
export const EventsTicket = z
  .object({
    url: z.string().describe('Address of the stream, with the ticket; good once.'),
    expiresAt: Timestamp,
  })
  .meta({ id: 'EventsTicket' });
export type EventsTicket = z.infer<typeof EventsTicket>;
