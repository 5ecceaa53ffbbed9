import { z } from 'zod';
import { givenName } from '../given-name.ts';
import { HostId, Timestamp } from '../ids.ts';

export const SubscriberId = z.uuid().describe('Id of a subscriber.').meta({ id: 'SubscriberId' });

const mostHosts = 64;

export const CreateSubscriberInput = z
  .strictObject({
    name: givenName(80).describe('Name of the program; no two subscribers have the same one.'),
    hosts: z
      .array(HostId)
      .min(1)
      .max(mostHosts)
      .refine((hosts) => new Set(hosts).size === hosts.length, 'A host is named once.')
      .optional()
      .describe('Only events of these hosts; of all hosts when absent.'),
  })
  .meta({ id: 'CreateSubscriberInput' });
export type CreateSubscriberInput = z.infer<typeof CreateSubscriberInput>;

/** A program that reads events from the bus. */
export const Subscriber = z
  .object({
    id: SubscriberId,
    name: z.string(),
    hosts: z.array(HostId).optional().describe('Absent when it reads the events of all hosts.'),
    createdAt: Timestamp,
    createdBy: z.string().describe('Who made it.'),
    stream: z.string().describe('Stream of JetStream that has the events.'),
    consumers: z.array(z.string()).describe('Durable pull consumers of that stream: one, or one for each host.'),
    apiPrefix: z.string().describe('What the client is to put in the place of `$JS.API`.'),
    inboxPrefix: z.string().describe('Below which the client is to take its answers.'),
  })
  .meta({ id: 'Subscriber' });
export type Subscriber = z.infer<typeof Subscriber>;

export const CreatedSubscriber = Subscriber.extend({
  credentials: z.string().describe('The content of a `.creds` file of NATS, shown this once.'),
}).meta({ id: 'CreatedSubscriber' });
export type CreatedSubscriber = z.infer<typeof CreatedSubscriber>;
