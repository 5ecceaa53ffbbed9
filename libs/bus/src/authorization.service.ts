import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import {
  archiveUpdated,
  buckets,
  cancelOperation,
  hostDraining,
  hostOffline,
  identifyAgent,
  keys,
  operationFailed,
  startVm,
  streams,
  subjects,
  vmStarted,
  type Command,
} from '@polyvirt/contracts';
import { randomUUID } from 'node:crypto';
import 'reflect-metadata';
import { z } from 'zod';
import {
  ask,
  Authority,
  broadcast,
  connectBus,
  consumeEvents,
  consumeRollups,
  ensureCommandConsumer,
  ensureTopology,
  JetStreamServer,
  listen,
  listenToBytes,
  makeEvent,
  OnCommand,
  OnQuery,
  openBucket,
  publishCommand,
  publishEvent,
  publishRollup,
  readEvents,
  sendBytes,
  type Bus,
  type BusService,
} from './index.ts';
import { eventually, NatsServer } from './testing/index.ts';

const services: BusService[] = [
  { service: 'admin' },
  { service: 'gateway' },
  { service: 'organizer' },
  { service: 'agent', host: 'a' },
  { service: 'agent', host: 'b' },
];

const command = (host: string): Command => ({
  operationId: randomUUID(),
  verb: 'vm.start',
  host,
  nativeId: 'vm-1',
  requestId: 'r',
  requestedBy: 'ada',
  requestedAt: new Date().toISOString(),
  notAfter: new Date(Date.now() + 30_000).toISOString(),
  input: {},
});

const draining = (host: string, id: string = randomUUID()) =>
  makeEvent(hostDraining, { id, source: `/hosts/${host}/agent`, subject: host, data: { host, incarnation: id } });

/** What the server says to a client that did something it may not, or undefined when it had no objection. */
async function refusal(bus: Bus, act: () => void): Promise<string | undefined> {
  const refused: string[] = [];
  const statuses = bus.connection.status();
  const reading = (async () => {
    for await (const status of statuses) if (status.type === 'error') refused.push(status.error.message);
  })();
  act();
  // The server answers in order, so what it objected to has come by then.
  await bus.connection.flush();
  await new Promise((resolve) => setImmediate(resolve));
  (statuses as unknown as { stop(): void }).stop();
  await reading;
  return refused[0];
}

const publishing = (
  bus: Bus,
  subject: string,
  payload: unknown = '',
  options: { reply?: string; headers?: MsgHdrs } = {},
) =>
  refusal(bus, () => {
    bus.connection.publish(subject, typeof payload === 'string' ? payload : JSON.stringify(payload), options);
  });

const subscribing = (bus: Bus, subject: string) =>
  refusal(bus, () => {
    bus.connection.subscribe(subject, { callback: () => {} });
  });

const violation = expect.stringMatching(/permissions violation/i);
const Value = z.object({ n: z.int() });

class Handler {
  begun: Command[] = [];
  start(received: Command) {
    this.begun.push(received);
  }
  cancelled = 0;
  cancel() {
    this.cancelled += 1;
    return { accepted: true };
  }
}
const method = (name: 'start' | 'cancel') => Object.getOwnPropertyDescriptor(Handler.prototype, name)!;
OnCommand(startVm)(Handler.prototype, 'start', method('start'));
OnQuery(cancelOperation)(Handler.prototype, 'cancel', method('cancel'));
class HandlerModule {}
Reflect.defineMetadata('controllers', [Handler], HandlerModule);
Reflect.defineMetadata('__controller__', true, Handler);
Reflect.defineMetadata('path', '/', Handler);

describe('the permissions of the bus', () => {
  let nats: NatsServer;
  let gateway: Bus;
  let organizer: Bus;
  let a: Bus;
  let b: Bus;
  let end: AbortController;

  beforeAll(() => Logger.overrideLogger(false));
  afterAll(() => Logger.overrideLogger(['error']));

  beforeEach(async () => {
    end = new AbortController();
    nats = await NatsServer.start({ services });
    [gateway, organizer, a, b] = (await Promise.all(
      ['gateway', 'organizer', 'agent-a', 'agent-b'].map((user) => nats.connect(user)),
    )) as [Bus, Bus, Bus, Bus];
    await ensureTopology(gateway, { hosts: ['a', 'b'] });
  });

  afterEach(async () => {
    end.abort();
    await Promise.all([gateway, organizer, a, b].map((bus) => bus.close()));
    await nats[Symbol.asyncDispose]();
  });

  it('needs a credential of its operator', async () => {
    const credentials = await new Authority(Authority.newSeed()).credentials({ service: 'agent', host: 'a' });
    for (const wrong of [undefined, credentials])
      await expect(connectBus({ url: nats.url, name: 'x', credentials: wrong })).rejects.toThrow(
        /authorization violation/i,
      );
    await expect(connectBus({ url: nats.url, name: 'x', credentials: 'secret' })).rejects.toThrow('no credential');
  });

  describe('let an agent', () => {
    it('carry out its commands and answer its questions', async () => {
      const server = new JetStreamServer({ bus: a, host: 'a', workingEveryMs: 10 });
      const app = await NestFactory.createMicroservice(HandlerModule, { strategy: server, logger: false });
      await app.listen();
      await publishCommand(gateway, command('a'));
      await eventually(async () => {
        expect((await gateway.manager.streams.info(streams.commands.name)).state.messages).toBe(0);
      });
      expect(app.get(Handler).begun.length).toBe(1);
      const operationId = randomUUID();
      await expect(ask(gateway, cancelOperation, 'a', { operationId })).resolves.toEqual({ accepted: true });
      await app.close();
    });

    it('put aside a command, and say that it did', async () => {
      const server = new JetStreamServer({ bus: a, host: 'a' });
      const app = await NestFactory.createMicroservice(HandlerModule, { strategy: server, logger: false });
      await app.listen();
      await gateway.jetstream.publish(subjects.command('a', 'vm.start'), 'nonsense');
      for await (const { event } of readEvents(gateway, { fromSequence: 0, signal: end.signal })) {
        expect(event.type).toBe('command.dead-lettered');
        break;
      }
      await app.close();
    });

    it('publish its events, metrics, roll-ups, heartbeats and console bytes', async () => {
      const heard: string[] = [];
      listen(gateway, subjects.metrics('*'), z.string(), (text) => heard.push(text));
      listen(gateway, subjects.heartbeat('*'), z.string(), (text) => heard.push(text));
      listenToBytes(gateway, subjects.consoleDown('a', 's'), (bytes) => heard.push(new TextDecoder().decode(bytes)));
      listenToBytes(a, subjects.consoleUp('a', 's'), (bytes) => heard.push(new TextDecoder().decode(bytes)));
      listen(a, subjects.heartbeat('a'), z.string(), (text) => heard.push(`own ${text}`));
      await Promise.all([gateway.connection.flush(), a.connection.flush()]);
      broadcast(a, subjects.metrics('a'), 'metrics');
      broadcast(a, subjects.heartbeat('a'), 'heartbeat');
      sendBytes(a, subjects.consoleDown('a', 's'), new TextEncoder().encode('down'));
      sendBytes(gateway, subjects.consoleUp('a', 's'), new TextEncoder().encode('up'));
      await eventually(() => expect(heard.sort()).toEqual(['down', 'heartbeat', 'metrics', 'own heartbeat', 'up']));
      expect(await publishEvent(a, 'a', draining('a'))).toMatchObject({ duplicate: false });
      expect(await publishRollup(a, { host: 'a', minute: '2026-11-21T10:00:00Z', vms: [] })).toMatchObject([
        { duplicate: false },
      ]);
    });

    it('be asked, and be known to be away at once when it is', async () => {
      await expect(ask(gateway, cancelOperation, 'b', { operationId: randomUUID() })).rejects.toMatchObject({
        code: 'host-offline',
      });
    });

    it('ask whether it is alone', async () => {
      await expect(ask(a, identifyAgent, 'a', {})).rejects.toMatchObject({ code: 'host-offline' });
    });

    it.each([
      ['inventory', keys.vm('a', 'vm-1'), keys.vmsOf('a')],
      ['hosts', keys.host('a'), keys.host('a')],
      ['journal', keys.journal('a', randomUUID()), keys.journalOf('a')],
    ] as const)('write, read, list and delete its keys of %s', async (name, key, filter) => {
      const bucket = openBucket(a, buckets[name], Value, { host: 'a' });
      const revision = await bucket.create(key, { n: 1 });
      expect(await bucket.get(key)).toMatchObject({ value: { n: 1 }, revision });
      const next = await bucket.update(key, { n: 2 }, revision);
      if (name !== 'hosts')
        expect(await bucket.entries(filter)).toEqual([expect.objectContaining({ key, revision: next })]);
      await bucket.delete(key);
      await bucket.put(key, { n: 3 });
    });
  });

  describe('keep an agent from', () => {
    it('speaking for another host', async () => {
      for (const subject of [
        subjects.event('b', 'host.draining'),
        subjects.metrics('b'),
        subjects.rollup('b'),
        subjects.heartbeat('b'),
        subjects.consoleDown('b', 's'),
        subjects.consoleUp('a', 's'),
        subjects.consoleUp('b', 's'),
        subjects.query('b', 'vm-get'),
        subjects.query('a', 'vm-get'),
        subjects.command('a', 'vm.start'),
        subjects.command('b', 'vm.start'),
      ]) {
        expect([subject, await publishing(a, subject, draining('b'))]).toEqual([subject, violation]);
      }
      expect((await gateway.manager.streams.info(streams.events.name)).state.messages).toBe(0);
      await expect(publishEvent(a, 'b', draining('b'), { signal: AbortSignal.timeout(100) })).rejects.toThrow();
    });

    it('listening to others', async () => {
      for (const subject of [
        '>',
        subjects.commands,
        subjects.commandsOf('a'),
        subjects.commandsOf('b'),
        subjects.events,
        subjects.eventsOf('b'),
        subjects.queriesOf('b'),
        subjects.queriesOf('*'),
        subjects.metrics('*'),
        subjects.consolesOf('a'),
        subjects.consolesOf('b'),
        '$KV.>',
        '$JS.>',
        '$SYS.>',
        '_INBOX.>',
        '_INBOX.agent-b.>',
        '_INBOX.gateway.>',
      ]) {
        expect([subject, await subscribing(a, subject)]).toEqual([subject, violation]);
      }
    });

    it('reading the commands of another host in any way', async () => {
      await publishCommand(gateway, command('b'));
      const stream = streams.commands.name;
      const config = {
        stream_name: stream,
        config: {
          name: 'thief',
          durable_name: 'thief',
          ack_policy: 'none',
          deliver_policy: 'all',
          filter_subject: subjects.commandsOf('b'),
          deliver_subject: '_INBOX.agent-a.loot',
        },
      };
      const loot: string[] = [];
      a.connection.subscribe('_INBOX.agent-a.loot', { callback: (_error, message) => void loot.push(message.subject) });
      const reply = '_INBOX.agent-a.loot';
      for (const [subject, payload] of [
        [`$JS.API.CONSUMER.CREATE.${stream}`, config],
        [`$JS.API.CONSUMER.CREATE.${stream}.thief`, config],
        [`$JS.API.CONSUMER.CREATE.${stream}.thief.${subjects.commandsOf('b')}`, config],
        [`$JS.API.CONSUMER.CREATE.${stream}.agent_a.${subjects.commandsOf('a')}`, config],
        [`$JS.API.CONSUMER.DURABLE.CREATE.${stream}.thief`, config],
        [`$JS.API.CONSUMER.DURABLE.CREATE.${stream}.agent_a`, config],
        [`$JS.API.CONSUMER.MSG.NEXT.${stream}.agent_b`, { batch: 1, no_wait: true }],
        [`$JS.API.CONSUMER.INFO.${stream}.agent_b`, ''],
        [`$JS.API.CONSUMER.DELETE.${stream}.agent_b`, ''],
        [`$JS.API.CONSUMER.LIST.${stream}`, ''],
        [`$JS.API.CONSUMER.NAMES.${stream}`, ''],
        [`$JS.API.STREAM.MSG.GET.${stream}`, { seq: 1 }],
        [`$JS.API.STREAM.MSG.DELETE.${stream}`, { seq: 1 }],
        [`$JS.API.STREAM.PURGE.${stream}`, ''],
        [`$JS.API.STREAM.DELETE.${stream}`, ''],
        [`$JS.API.STREAM.UPDATE.${stream}`, { name: stream, subjects: [subjects.commands], allow_direct: true }],
        [`$JS.API.STREAM.INFO.${stream}`, { subjects_filter: '>' }],
        [`$JS.API.STREAM.SNAPSHOT.${stream}`, { deliver_subject: reply }],
        [`$JS.API.DIRECT.GET.${stream}`, { seq: 1 }],
        [`$JS.API.DIRECT.GET.${stream}.${subjects.command('b', 'vm.start')}`, ''],
        ['$JS.API.STREAM.CREATE.MIRROR', { name: 'MIRROR', mirror: { name: stream } }],
        ['$JS.API.STREAM.CREATE.SOURCE', { name: 'SOURCE', subjects: ['polyvirt.v1.command.b.>'] }],
        [`$JS.ACK.${stream}.agent_b.1.1.1.1.0`, ''],
      ] as const) {
        expect([subject, await publishing(a, subject, payload, { reply })]).toEqual([subject, violation]);
      }
      expect(loot).toEqual([]);
      expect((await gateway.manager.streams.info(stream)).state.messages).toBe(1);
    });

    it('pulling the commands of another host through its own consumer', async () => {
      await publishCommand(gateway, command('b'));
      const ask = `JS.core.API.CONSUMER.MSG.NEXT.${streams.commands.name}.agent_a`;
      const { headers: answer, data } = await a.connection.request(ask, '{"batch":1,"no_wait":true}');
      // There is nothing for it.
      expect([answer?.code, data.length]).toEqual([404, 0]);
    });

    it.each([
      ['inventory', keys.vm('b', 'vm-1')],
      ['hosts', keys.host('b')],
      ['journal', keys.journal('b', randomUUID())],
    ] as const)('touching the keys of another host in %s', async (name, key) => {
      const bucket = buckets[name].name;
      const stream = `KV_${bucket}`;
      const own = name === 'hosts' ? 'a' : `a.${key.split('.')[1]}`;
      const theirs = openBucket(b, buckets[name], Value);
      const revision = await theirs.create(key, { n: 1 });
      const marker = headers();
      marker.set('KV-Operation', 'DEL');
      const reply = '_INBOX.agent-a.loot';
      for (const [subject, payload, fields] of [
        [`$KV.${bucket}.${key}`, { n: 2 }],
        [`$KV.${bucket}.${key}`, '', marker],
        [`$JS.API.DIRECT.GET.${stream}.$KV.${bucket}.${key}`, ''],
        [`$JS.API.DIRECT.GET.${stream}`, { last_by_subj: `$KV.${bucket}.${key}` }],
        [`$JS.API.STREAM.MSG.GET.${stream}`, { last_by_subj: `$KV.${bucket}.${key}` }],
        [`$JS.API.STREAM.MSG.DELETE.${stream}`, { seq: revision }],
        [`$JS.API.STREAM.PURGE.${stream}`, { filter: `$KV.${bucket}.${key}` }],
        [`$JS.API.STREAM.DELETE.${stream}`, ''],
        [`$JS.API.CONSUMER.CREATE.${stream}`, { stream_name: stream, config: { ack_policy: 'none' } }],
        [`$JS.API.CONSUMER.CREATE.${stream}.w.$KV.${bucket}.${key}`, { stream_name: stream, config: { name: 'w' } }],
      ] as const) {
        expect([subject, await publishing(a, subject, payload, { reply, ...(fields && { headers: fields }) })]).toEqual(
          [subject, violation],
        );
      }
      // A roll-up of the whole bucket, by a header on a write to a key of its own.
      const rollup = headers();
      rollup.set('Nats-Rollup', 'all');
      await expect(a.jetstream.publish(`$KV.${bucket}.${own}`, '{"n":1}', { headers: rollup })).rejects.toThrow(
        /rollup/i,
      );
      expect(await theirs.get(key)).toMatchObject({ value: { n: 1 }, revision });
    });
  });

  describe('have a stream keep an event', () => {
    const ended = (id: string, name: string) => {
      const times = { createdAt: '2026-11-21T10:00:00Z', endedAt: '2026-11-21T10:00:01Z' };
      const more = { status: 'failed' as const, host: 'a', progress: 0, steps: [], requestedBy: 'ada' };
      return makeEvent(operationFailed, {
        id: `${id}:ended`,
        source: `/hosts/a/${name}`,
        subject: id,
        data: { operation: { id, verb: 'vm.start', ...more, ...times } },
      });
    };
    const offline = (id: string, source = '/hosts/a/gateway') =>
      makeEvent(hostOffline, { id, source, subject: 'a', data: { host: 'a', incarnation: id } });

    it('once, whether the agent or a gateway was first to tell it, and whichever gateway', async () => {
      const another = await nats.connect('gateway');
      for (const order of [
        [a, gateway, another],
        [another, a, gateway],
      ]) {
        const id = randomUUID();
        const stored = [];
        for (const bus of order) stored.push(await publishEvent(bus, 'a', ended(id, bus === a ? 'agent' : 'gateway')));
        expect(stored.map(({ duplicate }) => duplicate)).toEqual([false, true, true]);
      }
      const away = randomUUID();
      expect(await publishEvent(gateway, 'a', offline(away))).toMatchObject({ duplicate: false });
      expect(await publishEvent(another, 'a', offline(away))).toMatchObject({ duplicate: true });
      await another.close();
    });

    it('however many ids another host uses up before', async () => {
      const id = randomUUID();
      const { id: eventId } = ended(id, 'agent');
      const guesses = [eventId, b.messageId('a', eventId), b.messageId('b', eventId), b.ownMessageId(eventId)];
      for (const msgID of guesses)
        await b.jetstream.publish(subjects.event('b', 'host.draining'), JSON.stringify(draining('b')), { msgID });
      expect(await publishEvent(a, 'a', ended(id, 'agent'))).toMatchObject({ duplicate: false });
    });

    it('that only gateways publish, whatever ids its own host uses up before', async () => {
      const event = offline(randomUUID());
      const guesses = [event.id, a.messageId('a', event.id), a.ownMessageId(event.id)];
      for (const msgID of guesses)
        await a.jetstream.publish(subjects.event('a', 'host.draining'), JSON.stringify(draining('a')), { msgID });
      expect(await publishEvent(gateway, 'a', event)).toMatchObject({ duplicate: false });
    });

    it('of nobody whose credential cannot make ids that agents and gateways share', async () => {
      await expect(publishEvent(organizer, 'a', ended(randomUUID(), 'organizer'))).rejects.toThrow(
        'The credential of organizer has no key for the ids of messages. Have it issued again.',
      );
    });
  });

  /** The server does not check the subject it sends an answer to; but no answer leaves the account of who has asked. */
  it('keep an answer that an agent has the server send elsewhere within its account', async () => {
    const key = keys.vm('a', 'bait');
    await openBucket(a, buckets.inventory, Value, { host: 'a' }).put(key, { n: 1 });
    const heard: string[] = [];
    const admin = await nats.connect('admin');
    admin.connection.subscribe('>', { callback: (_error, { subject }) => void heard.push(subject) });
    listen(b, subjects.heartbeat('b'), z.unknown(), () => heard.push('b'));
    await Promise.all([admin.connection.flush(), b.connection.flush()]);
    const read = `JS.core.API.DIRECT.GET.KV_${buckets.inventory.name}.$KV.${buckets.inventory.name}.${key}`;
    const targets = [
      subjects.command('b', 'vm.start'),
      subjects.query('b', cancelOperation.name),
      subjects.event('b', 'host.draining'),
      subjects.heartbeat('b'),
      subjects.metrics('b'),
      subjects.rollup('b'),
      subjects.consoleDown('b', 's'),
      subjects.answer('b', 'x'),
      `$KV.${buckets.inventory.name}.${keys.vm('b', 'vm-1')}`,
      `$KV.${buckets.journal.name}.${keys.journal('b', randomUUID())}`,
      `$JS.ACK.${streams.commands.name}.agent_b.1.1.1.1.0`,
      '_INBOX.gateway.x',
    ];
    for (const reply of targets) a.connection.publish(read, '', { reply });
    // Answered after them.
    await openBucket(a, buckets.inventory, Value, { host: 'a' }).get(key);
    await Promise.all([admin, b].map((bus) => bus.connection.flush()));
    expect(targets.filter((target) => heard.includes(target))).toEqual([]);
    expect(heard).not.toContain('b');
    await admin.close();
  });

  describe('let the gateway', () => {
    it('ask, command, read everything and publish its own events', async () => {
      const inventory = openBucket(a, buckets.inventory, Value);
      await inventory.put('a.vm-1', { n: 1 });
      const watched = openBucket(gateway, buckets.inventory, Value);
      for await (const change of watched.watch('>', end.signal)) {
        expect(change).toMatchObject({ type: 'put', key: 'a.vm-1' });
        break;
      }
      expect(await watched.get('a.vm-1')).toMatchObject({ value: { n: 1 } });
      const journal = openBucket(gateway, buckets.journal, Value);
      await journal.create(keys.journal('a', randomUUID()), { n: 1 });
      await ensureCommandConsumer(gateway, 'c');
      await publishCommand(gateway, command('c'));
      await publishRollup(b, { host: 'b', minute: '2026-11-21T10:00:00Z', vms: [] });
      for await (const delivery of consumeRollups(gateway, { signal: end.signal })) {
        await delivery.ack();
        break;
      }
      const operation = { id: randomUUID(), verb: 'vm.start', status: 'failed' as const, progress: 0, steps: [] };
      await publishEvent(
        gateway,
        'a',
        makeEvent(operationFailed, {
          id: 'x',
          source: '/hosts/a/gateway',
          subject: operation.id,
          data: { operation: { ...operation, requestedBy: 'ada', createdAt: '2026-11-21T10:00:00Z' } },
        }),
      );
    });

    it('not write what only agents know', async () => {
      for (const subject of ['$KV.polyvirt_inventory.a.vm-1', '$KV.polyvirt_hosts.a', subjects.heartbeat('a')]) {
        expect(await publishing(gateway, subject)).toEqual(violation);
      }
      expect(await publishing(gateway, '$JS.API.STREAM.CREATE.OTHER', { name: 'OTHER' })).toEqual(violation);
    });
  });

  describe('let the organizer', () => {
    it('read events of VMs and tell of archives, and nothing else', async () => {
      const started = { ...draining('a'), type: vmStarted.name };
      await publishEvent(a, 'a', started);
      for await (const delivery of consumeEvents(organizer, { signal: end.signal })) {
        expect(delivery.content.event).toEqual(started);
        await delivery.ack();
        break;
      }
      await publishEvent(organizer, 'a', { ...draining('a'), type: archiveUpdated.name });
      for (const subject of [
        subjects.event('a', 'vm.created'),
        subjects.command('a', 'vm.start'),
        subjects.query('a', 'vm-get'),
        `$JS.API.CONSUMER.CREATE.${streams.events.name}.x`,
        `$JS.API.STREAM.MSG.GET.${streams.events.name}`,
        `$JS.API.STREAM.PURGE.${streams.events.name}`,
        '$KV.polyvirt_inventory.a.vm-1',
      ]) {
        expect([subject, await publishing(organizer, subject)]).toEqual([subject, violation]);
      }
      expect(await subscribing(organizer, subjects.events)).toEqual(violation);
    });
  });

  it('let every host reach CORE, however many come at once when the server is back', async () => {
    await nats.restart();
    const buses = [gateway, organizer, a, b];
    await Promise.all(buses.map((bus) => bus.whenConnected()));
    for (const [host, bus] of [
      ['a', a],
      ['b', b],
    ] as const)
      await publishEvent(bus, host, draining(host));
  });

  it('take in a host that is added while the server runs, and cut off one', async () => {
    await nats.add([{ service: 'agent', host: 'new' }]);
    const added = await nats.connect('agent-new');
    await publishEvent(added, 'new', draining('new'));
    await using cleanup = new AsyncDisposableStack();
    const keeper = await nats.keeper();
    cleanup.defer(() => keeper.close());
    cleanup.defer(() => added.close());
    await keeper.issueHost('new', { isCutOff: true });
    await eventually(() => expect(added.isConnected).toBe(false));
    await publishEvent(a, 'a', draining('a'));
    expect(a.isConnected).toBe(true);
    await keeper.issueHost('new');
    await added.whenConnected();
    await publishEvent(added, 'new', draining('new'));
    await keeper.remove([keeper.authority.hostAccount('new')]);
    await eventually(() => expect(added.isConnected).toBe(false));
    await expect(nats.connect('agent-new')).rejects.toThrow(/authorization violation/i);
    expect(a.isConnected).toBe(true);
  });

  it('take in a host that was removed and comes again within a second', async () => {
    await using cleanup = new AsyncDisposableStack();
    const keeper = await nats.keeper();
    cleanup.defer(() => keeper.close());
    await nats.add([{ service: 'agent', host: 'again' }]);
    const [before, after] = await Promise.all([keeper.authority.host('again'), keeper.authority.host('again')]);
    await keeper.push(before);
    const again = await nats.connect('agent-again');
    cleanup.defer(() => again.close());
    await keeper.remove([before.publicKey]);
    await eventually(() => expect(again.isConnected).toBe(false));
    await keeper.push(after);
    await again.whenConnected();
  });
});
