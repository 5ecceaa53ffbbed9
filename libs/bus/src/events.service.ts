import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { hostOnline, ProblemError, streams, subjects, type CloudEvent } from '@polyvirt/contracts';
import {
  consumeEvents,
  consumeRollups,
  ensureTopology,
  isEvent,
  makeEvent,
  publishEvent,
  publishRollup,
  readEvents,
  runInTrace,
  type Bus,
  type StoredEvent,
} from './index.ts';
import { BusAccount, eventually, NatsServer, type Broker } from './testing/index.ts';

const host = 'kvm-a';

const online = (id: string, of = host) =>
  makeEvent(hostOnline, { id, source: `/hosts/${of}/agent`, subject: of, data: { host: of, incarnation: id } });

describe('events', () => {
  let nats: Broker;
  let bus: Bus;
  let end: AbortController;

  beforeAll(() => Logger.overrideLogger(false));
  afterAll(() => Logger.overrideLogger(['error']));

  const open = async (broker: Broker) => {
    end = new AbortController();
    nats = broker;
    bus = await nats.connect();
    await ensureTopology(bus);
  };
  const close = async () => {
    end.abort();
    await bus.close();
    await nats[Symbol.asyncDispose]();
  };
  beforeEach(async () => open(await BusAccount.open()));
  afterEach(close);

  /** Has the test go on with a server of its own, which it may kill. */
  const onOwnServer = async () => {
    await close();
    const own = await NatsServer.start();
    await open(own);
    return own;
  };

  const publish = async (...ids: string[]) => {
    for (const id of ids) await publishEvent(bus, host, online(id));
  };

  const take = async (
    count: number,
    options: Partial<Parameters<typeof readEvents>[1]> = {},
  ): Promise<StoredEvent[]> => {
    const read: StoredEvent[] = [];
    for await (const event of readEvents(bus, { fromSequence: 0, signal: end.signal, ...options })) {
      read.push(event);
      if (read.length === count) break;
    }
    return read;
  };

  const ids = (events: StoredEvent[]) => events.map(({ event }) => event.id);

  /** Collects in the background until the test ends. */
  const follow = (options: Partial<Parameters<typeof readEvents>[1]> = {}) => {
    const read: StoredEvent[] = [];
    const done = (async () => {
      for await (const event of readEvents(bus, { fromSequence: 0, signal: end.signal, ...options })) read.push(event);
    })();
    return { read, done };
  };

  it('stores an event once, however often it is published', async () => {
    const event = online('a');
    expect(await publishEvent(bus, host, event)).toEqual({ sequence: 1, duplicate: false });
    expect(await publishEvent(bus, host, event)).toEqual({ sequence: 1, duplicate: true });
    await publish('b');
    expect(await take(2)).toEqual([
      { sequence: 1, host, event },
      { sequence: 2, host, event: expect.objectContaining({ id: 'b' }) },
    ]);
  });

  it('carries the trace of whoever published it', async () => {
    await runInTrace(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, () => publish('a'));
    const [read] = await take(1);
    expect(read!.event.traceparent).toMatch(/^00-a{32}-[0-9a-f]{16}-01$/);
  });

  it('knows an event by its type and body', async () => {
    const event: CloudEvent = online('a');
    expect(isEvent(hostOnline, event)).toBe(true);
    expect(isEvent(hostOnline, { ...event, type: 'host.offline' })).toBe(false);
    expect(isEvent(hostOnline, { ...event, data: {} })).toBe(false);
  });

  it('publishes when the server is back, and gives up when told to', async () => {
    const own = await onOwnServer();
    await own.kill();
    const published = publishEvent(bus, host, online('a'));
    const givenUp = publishEvent(bus, host, online('b'), { signal: AbortSignal.timeout(50) });
    await expect(givenUp).rejects.toMatchObject({ name: 'TimeoutError' });
    await own.start();
    expect(await published).toEqual({ sequence: 1, duplicate: false });
  });

  it('does not try again what cannot succeed', async () => {
    const event = { ...online('a'), data: 'x'.repeat(1_100_000) };
    await expect(publishEvent(bus, host, event)).rejects.toThrow(/max_payload/i);
  });

  describe('reading', () => {
    it('begins at a cursor, at a time, or now', async () => {
      await publish('a', 'b', 'c');
      expect(ids(await take(2, { fromSequence: 2 }))).toEqual(['b', 'c']);
      const { timestamp } = (await bus.manager.streams.getMessage(streams.events.name, { seq: 3 }))!;
      expect(ids(await take(1, { fromSequence: undefined, startTime: timestamp }))).toEqual(['c']);
      const { read } = follow({ fromSequence: undefined });
      await eventually(async () => {
        await publish(`later-${Date.now()}`);
        expect(ids(read)[0]).toMatch(/^later-/);
      });
    });

    it('reads only what the filter lets through', async () => {
      await publish('a');
      await publishEvent(bus, 'kvm-b', online('b', 'kvm-b'));
      expect(ids(await take(1, { filter: subjects.eventsOf('kvm-b') }))).toEqual(['b']);
    });

    it('ends without an error when the signal aborts', async () => {
      const { read, done } = follow();
      await publish('a');
      await eventually(() => expect(read.length).toBe(1));
      end.abort();
      await done;
    });

    it('passes over what is no event, and what speaks of another host', async () => {
      await publishEvent(bus, host, online('foreign', 'kvm-b'));
      await bus.jetstream.publish(subjects.event(host, 'host.online'), 'nonsense');
      await bus.jetstream.publish(subjects.event(host, 'host.offline'), JSON.stringify(online('wrong type')));
      await publish('a');
      expect(await take(1)).toEqual([expect.objectContaining({ sequence: 4 })]);
    });

    it('passes over a stored value that the server was made to send to the subject of an event', async () => {
      await publish('a');
      bus.connection.publish(`$JS.API.DIRECT.GET.KV_polyvirt_hosts.$KV.polyvirt_hosts.${host}`, '', {
        reply: subjects.event('kvm-b', 'host.online'),
      });
      await bus.jetstream.publish(`$KV.polyvirt_hosts.${host}`, JSON.stringify(online('forged', 'kvm-b')));
      bus.connection.publish(`$JS.API.DIRECT.GET.KV_polyvirt_hosts.$KV.polyvirt_hosts.${host}`, '', {
        reply: subjects.event('kvm-b', 'host.online'),
      });
      await eventually(async () => {
        expect((await bus.manager.streams.info(streams.events.name)).state.messages).toBe(3);
      });
      await publish('b');
      expect(ids(await take(2))).toEqual(['a', 'b']);
    });

    it('loses and repeats nothing when the server is killed in between, many times', async () => {
      const own = await onOwnServer();
      const { read } = follow();
      const expected: string[] = [];
      for (let round = 0; round < 4; round += 1) {
        for (let index = 0; index < 25; index += 1) expected.push(`${round}-${index}`);
        const published = publish(...expected.slice(-25));
        await own.restart();
        await published;
      }
      await eventually(() => expect(ids(read)).toEqual(expected));
    });

    it('reads a long history without holding it in memory', async () => {
      await Promise.all(Array.from({ length: 3_000 }, (_, index) => publishEvent(bus, host, online(String(index)))));
      const sequences = (await take(3_000)).map(({ sequence }) => sequence);
      expect(sequences).toEqual(Array.from({ length: 3_000 }, (_, index) => index + 1));
    });

    it('is cursor-expired when the events after the cursor are gone', async () => {
      await publish('a', 'b', 'c');
      await bus.manager.streams.purge(streams.events.name, { seq: 3 });
      const failure = await take(1, { fromSequence: 2 }).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(ProblemError);
      expect(failure).toMatchObject({ code: 'cursor-expired', extras: { oldestCursor: '2' } });
      expect(ids(await take(1, { fromSequence: 3 }))).toEqual(['c']);
    });

    it('is cursor-expired when the cursor is of another stream', async () => {
      const own = await onOwnServer();
      await publish('a');
      await expect(take(1, { fromSequence: 3 })).rejects.toMatchObject({ extras: { oldestCursor: '0' } });
      const { done } = follow({ fromSequence: 2 });
      // It may end before the topology is there again.
      const ended = expect(done).rejects.toMatchObject({ code: 'cursor-expired' });
      await own.kill();
      await own.wipe();
      await own.start();
      await bus.whenConnected();
      await ensureTopology(bus);
      await ended;
    });
  });

  describe('the durable consumer of a service', () => {
    const vmEvent = (id: string) => ({ ...online(id), type: 'vm.started' });

    it('hands out one event at a time, in order, again until it is acknowledged', async () => {
      await publish('not about a VM');
      for (const id of ['a', 'b', 'c']) await publishEvent(bus, host, vmEvent(id));
      const log: string[] = [];
      for await (const delivery of consumeEvents(bus, { signal: end.signal })) {
        const { id } = delivery.content.event;
        log.push(`${id}${delivery.deliveries}`);
        if (id === 'b' && delivery.deliveries < 3) delivery.nak(20);
        else await delivery.ack();
        if (id === 'c') break;
      }
      expect(log).toEqual(['a1', 'b1', 'b2', 'b3', 'c1']);
    });

    it('goes on where it was after kills of the server and of the process', async () => {
      const own = await onOwnServer();
      // So that what was not acknowledged when one of them died comes again soon.
      await bus.manager.consumers.update(streams.events.name, 'organizer', { ack_wait: 500e6 });
      const seen: string[] = [];
      const consume = async (signal: AbortSignal) => {
        const process = await nats.connect();
        for await (const delivery of consumeEvents(process, { signal })) {
          seen.push(delivery.content.event.id);
          await delivery.ack();
        }
        await process.close();
      };
      const first = new AbortController();
      const running = consume(first.signal);
      for (const id of ['a', 'b']) await publishEvent(bus, host, vmEvent(id));
      await eventually(() => expect(seen).toEqual(['a', 'b']));
      await own.restart();
      await publishEvent(bus, host, vmEvent('c'));
      await eventually(() => expect(seen).toContain('c'));
      first.abort();
      await running;
      await publishEvent(bus, host, vmEvent('d'));
      const second = consume(end.signal);
      await eventually(() => expect(seen).toContain('d'));
      end.abort();
      await second;
      expect([...new Set(seen)]).toEqual(['a', 'b', 'c', 'd']);
    });

    it('shares roll-ups out, each once per minute and host', async () => {
      const minute = '2026-11-21T10:00:00.000Z';
      await publishRollup(bus, { host, minute, vms: [] });
      expect(await publishRollup(bus, { host, minute, vms: [] })).toMatchObject([{ duplicate: true }]);
      for await (const delivery of consumeRollups(bus, { signal: end.signal })) {
        expect(delivery.content).toEqual({ host, minute, vms: [] });
        await delivery.ack();
        break;
      }
      await eventually(async () => {
        expect((await bus.manager.streams.info(streams.rollups.name)).state.messages).toBe(0);
      });
    });
  });

  it('brings what an earlier version made up to date', async () => {
    await bus.manager.consumers.update(streams.events.name, 'organizer', { ack_wait: 60e9 });
    await bus.manager.streams.update(streams.events.name, { max_age: 3_600e9 });
    await ensureTopology(bus);
    expect((await bus.manager.consumers.info(streams.events.name, 'organizer')).config.ack_wait).toBe(5e9);
    expect((await bus.manager.streams.info(streams.events.name)).config.max_age).toBe(30 * 86_400e9);
  });

  it('makes the topology again and again, from several sides, without harm', async () => {
    await publish('a');
    await Promise.all([ensureTopology(bus, { hosts: [host] }), ensureTopology(bus, { hosts: [host, 'kvm-b'] })]);
    expect(ids(await take(1))).toEqual(['a']);
  });
});
