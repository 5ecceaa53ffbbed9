import { DeliverPolicy } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { streams, subscriberConsumers, type EventReader } from '@polyvirt/contracts';
import { importedApi } from './authority/flows.ts';
import { inboxPrefix, userNameOf } from './authorization.ts';
import type { Bus } from './connection.ts';
import { isMissing } from './faults.ts';
import { served } from './served.ts';
import { ensureConsumer } from './topology.ts';

/** What a program that reads events has not acknowledged for so long is delivered again. */
const ackWaitMs = 30_000;
const inFlight = 1_000;

/** What a client has to be told beside the credential. */
export const subscriberClient = (reader: EventReader) => ({
  apiPrefix: importedApi,
  inboxPrefix: inboxPrefix(userNameOf({ service: 'subscriber', ...reader })),
});

/** Makes the durable consumers of a program that reads events, from the events on that come now; or leaves them as they are. */
export async function ensureSubscriber(bus: Bus, reader: EventReader, signal?: AbortSignal): Promise<void> {
  const make = async () => {
    for (const { name, filter } of subscriberConsumers(reader))
      await ensureConsumer(bus, streams.events.name, {
        durable_name: name,
        filter_subject: filter,
        deliver_policy: DeliverPolicy.New,
        ack_wait: nanos(ackWaitMs),
        max_ack_pending: inFlight,
      });
  };
  await served(bus, make, { signal, what: `making the consumers of subscriber ${reader.id}` });
}

export async function removeSubscriber(bus: Bus, reader: EventReader, signal?: AbortSignal): Promise<void> {
  const remove = async () => {
    for (const { name } of subscriberConsumers(reader))
      await bus.manager.consumers.delete(streams.events.name, name).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
      });
  };
  await served(bus, remove, { signal, what: `removing the consumers of subscriber ${reader.id}` });
}
