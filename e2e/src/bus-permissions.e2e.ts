import { expect } from '@jest/globals';
import type { Bus } from '@polyvirt/bus';
import { agentUser, Authority, connectBus, inboxPrefix } from '@polyvirt/bus';
import { buckets, commandConsumer, keys, streams, subjects } from '@polyvirt/contracts';
import { createVm } from './requests.ts';
import type { Stack } from './stack/stack.ts';
import { storiesOn } from './stack/story.ts';

const [a, b] = ['fake-a', 'fake-b'] as const;
const story = storiesOn({
  agents: [
    { kind: 'fake', id: a },
    { kind: 'fake', id: b },
  ],
});

/** Does something with the credential that the agent of a host was given. */
async function as<Result>(stack: Stack, user: string, work: (bus: Bus) => Promise<Result>): Promise<Result> {
  const bus = await connectBus({
    url: stack.nats.url,
    credentials: stack.nats.credentialsOf(user),
    name: 'intruder',
  });
  try {
    return await work(bus);
  } finally {
    await bus.close();
  }
}

/** What nats-server says to a message; a request is answered, refused or ignored. */
async function refusalOf(bus: Bus, act: () => unknown): Promise<string> {
  const refused = (async () => {
    for await (const status of bus.connection.status()) if (status.type === 'error') return status.error.message;
    return 'closed';
  })();
  try {
    await act();
    // The server answers in order: when this has come back, so has a refusal.
    await bus.connection.flush();
  } catch (error) {
    return (error as Error).message;
  }
  return Promise.race([refused, new Promise<string>((resolve) => setImmediate(() => resolve('let through')))]);
}

const key = (bucket: string, name: string) => `$KV.${bucket}.${name}`;

story('lets an agent say nothing in the name of another', async (stack) => {
  const { id, nativeId } = await createVm(stack.admin, { host: b, name: 'theirs' });
  const { streams: eventStreams } = stack.bus.manager;
  const { state: before } = await eventStreams.info(streams.events.name);
  const forbidden = [
    subjects.event(b, 'vm.deleted'),
    subjects.event(b, 'operation.succeeded'),
    subjects.event('gateway', 'vm.updated'),
    subjects.command(a, 'vm.start'),
    subjects.command(b, 'vm.delete'),
    subjects.heartbeat(b),
    subjects.metrics(b),
    subjects.rollup(b),
    subjects.query(b, 'vm-get'),
    subjects.consoleDown(b, 'session'),
    key(buckets.inventory.name, keys.vm(b, nativeId)),
    key(buckets.hosts.name, keys.host(b)),
    key(buckets.journal.name, keys.journal(b, id)),
    `$JS.API.STREAM.PURGE.${streams.events.name}`,
    `$JS.API.STREAM.DELETE.${streams.events.name}`,
    `$JS.API.CONSUMER.CREATE.${streams.events.name}`,
  ];
  await as(stack, agentUser(a), async (bus) => {
    for (const subject of forbidden)
      expect([subject, await refusalOf(bus, () => bus.connection.publish(subject, '{}'))]).toEqual([
        subject,
        expect.stringMatching(/permissions violation/i),
      ]);
  });
  const { state: after } = await eventStreams.info(streams.events.name);
  expect(after.first_seq).toBe(before.first_seq);
  for (let seq = before.last_seq + 1; seq <= after.last_seq; seq++)
    expect((await eventStreams.getMessage(streams.events.name, { seq }))?.string()).not.toBe('{}');
  expect((await stack.admin.GET('/api/v1/vms/{vmId}', { params: { path: { vmId: id } } })).data.name).toBe('theirs');
});

story('lets an agent read nothing that is meant for another', async (stack) => {
  const { id, nativeId } = await createVm(stack.admin, { host: b, name: 'secret' });
  await as(stack, agentUser(a), async (bus) => {
    const forbidden = [
      subjects.commandsOf(b),
      subjects.commands,
      subjects.events,
      subjects.queriesOf(b),
      subjects.consoleUp(b, '*'),
      subjects.metrics('*'),
      `${inboxPrefix(agentUser(b))}.>`,
      `${inboxPrefix('gateway')}.>`,
      '$KV.>',
      '>',
    ];
    for (const subject of forbidden)
      expect([subject, await refusalOf(bus, () => bus.connection.subscribe(subject))]).toEqual([
        subject,
        expect.stringMatching(/permissions violation/i),
      ]);
    const asked = [
      `$JS.API.CONSUMER.MSG.NEXT.${streams.commands.name}.${commandConsumer(b)}`,
      `$JS.API.CONSUMER.INFO.${streams.commands.name}.${commandConsumer(b)}`,
      `$JS.API.DIRECT.GET.KV_${buckets.inventory.name}.${key(buckets.inventory.name, keys.vm(b, nativeId))}`,
      `$JS.API.DIRECT.GET.KV_${buckets.journal.name}.${key(buckets.journal.name, keys.journal(b, id))}`,
      `$JS.API.STREAM.MSG.GET.${streams.events.name}`,
    ];
    for (const subject of asked)
      expect([subject, await refusalOf(bus, () => bus.connection.request(subject, '{}', { timeout: 10_000 }))]).toEqual(
        [subject, expect.stringMatching(/permissions violation/i)],
      );
  });
});

story('lets an agent do what its own host needs', async (stack) => {
  const { nativeId } = await createVm(stack.admin, { host: a, name: 'ours' });
  await as(stack, agentUser(a), async (bus) => {
    const subject = `JS.core.API.DIRECT.GET.KV_${buckets.inventory.name}.${key(buckets.inventory.name, keys.vm(a, nativeId))}`;
    const found = await bus.connection.request(subject, '', { timeout: 10_000 });
    expect(found.json<{ name: string }>().name).toBe('ours');
  });
});

story('lets the organizer read events and change nothing', async (stack) => {
  await as(stack, 'organizer', async (bus) => {
    for (const subject of [
      subjects.event(a, 'vm.deleted'),
      subjects.command(a, 'vm.delete'),
      key(buckets.inventory.name, keys.vm(a, 'x')),
      `$JS.API.STREAM.DELETE.${streams.events.name}`,
    ])
      expect(await refusalOf(bus, () => bus.connection.publish(subject, '{}'))).toMatch(/permissions violation/i);
  });
});

story('lets nobody in without a good credential', async (stack) => {
  const forged = await new Authority(Authority.newSeed()).credentials({ service: 'agent', host: a });
  for (const credentials of [forged, undefined])
    await expect(connectBus({ url: stack.nats.url, credentials, name: 'intruder' })).rejects.toThrow(
      /authorization violation/i,
    );
});
