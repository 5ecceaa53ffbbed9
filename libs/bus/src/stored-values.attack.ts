import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { headers } from '@nats-io/transport-node';
import { afterEach, beforeAll, afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Logger, type INestMicroservice, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Payload } from '@nestjs/microservices';
import { buckets, hostOnline, readVm, startVm, subjects, type CommandOf } from '@polyvirt/contracts';
import { z } from 'zod';
import {
  consumeRollups,
  ensureTopology,
  JetStreamServer,
  listen,
  listenToBytes,
  makeEvent,
  OnCommand,
  OnQuery,
  openBucket,
  readEvents,
  serveMembership,
  type Bus,
} from './index.ts';
import { BusAccount, eventually } from './testing/index.ts';
import { encodeJson } from './wire.ts';

const host = 'kvm-a';
const names = ['forged', 'genuine'] as const;
type Name = (typeof names)[number];

/** A way on which somebody hears of something. Each message has a name, by which it is told from others. */
interface Way {
  subject(name: Name): string;
  message(name: Name): Uint8Array;
  /** Resolves when it listens; what is stored waits for that. */
  hear(bus: Bus, heard: (name: string) => void, signal: AbortSignal): Promise<void> | void;
}

let reading: Promise<void> | undefined;

type Heard = (name: string) => void;
let handled: Heard;

@Controller()
class Handler {
  @OnCommand(startVm)
  start(@Payload() { nativeId }: CommandOf<typeof startVm>) {
    handled(nativeId!);
  }

  @OnQuery(readVm)
  read(@Payload() { nativeId }: { nativeId: string }) {
    handled(nativeId);
    return {};
  }
}
class HandlerModule {}
Reflect.defineMetadata('controllers', [Handler] satisfies Type[], HandlerModule);

let app: INestMicroservice | undefined;
const serve: Way['hear'] = async (bus, heard) => {
  handled = heard;
  app = await NestFactory.createMicroservice(HandlerModule, {
    strategy: new JetStreamServer({ bus, host }),
    logger: false,
  });
  await app.listen();
};

const minutes: Record<Name, string> = { forged: '2026-11-21T10:00:00.000Z', genuine: '2026-11-21T10:01:00.000Z' };
const Named = z.object({ name: z.string() });

const ways: Readonly<Record<string, Way>> = {
  'an event': {
    subject: () => subjects.event(host, hostOnline.name),
    message: (name) =>
      encodeJson(
        makeEvent(hostOnline, {
          ...{ id: name, source: `/hosts/${host}/agent`, subject: host, data: { host, incarnation: name } },
        }),
      ),
    hear(bus, heard, signal) {
      reading = (async () => {
        for await (const { event } of readEvents(bus, { fromSequence: 0, signal })) heard(event.id);
      })();
    },
  },
  'a roll-up': {
    subject: () => subjects.rollup(host),
    message: (name) => encodeJson({ host, minute: minutes[name], vms: [] }),
    hear(bus, heard, signal) {
      reading = (async () => {
        for await (const { content, ack } of consumeRollups(bus, { signal })) {
          heard(names.find((name) => minutes[name] === content.minute)!);
          await ack();
        }
      })();
    },
  },
  'a record that is watched': {
    subject: (name) => `$KV.${buckets.inventory.name}.${host}.${name}`,
    message: (name) => encodeJson({ name }),
    hear(bus, heard, signal) {
      reading = (async () => {
        for await (const change of openBucket(bus, buckets.inventory, Named).watch('>', signal))
          if (change.type === 'put') heard(change.value.name);
      })();
    },
  },
  'a command': {
    subject: () => subjects.command(host, startVm.verb),
    message: (nativeId) =>
      encodeJson({
        ...{ operationId: randomUUID(), verb: startVm.verb, host, nativeId, requestId: 'r', requestedBy: 'ada' },
        ...{ requestedAt: new Date().toISOString(), notAfter: new Date(Date.now() + 3_600_000).toISOString() },
        input: {},
      }),
    hear: serve,
  },
  'a question': {
    subject: () => subjects.query(host, readVm.name),
    message: (nativeId) => encodeJson({ nativeId }),
    hear: serve,
  },
  'a reading': {
    subject: () => subjects.metrics(host),
    message: (name) => encodeJson({ name }),
    hear: (bus, heard) => void listen(bus, subjects.metrics('*'), Named, ({ name }) => heard(name)),
  },
  'what a screen shows': {
    subject: () => subjects.consoleDown(host, 's'),
    message: (name) => new TextEncoder().encode(name),
    hear: (bus, heard) =>
      void listenToBytes(bus, subjects.consoleDown(host, 's'), (bytes) => heard(new TextDecoder().decode(bytes))),
  },
  'that a host leaves': {
    subject: (name) => subjects.membership(name, 'leave'),
    message: () => encodeJson({}),
    hear: (bus, heard) =>
      void serveMembership(bus, 'leave', async (name) => {
        heard(name);
        return {};
      }),
  },
};

/** nats-server marks what it sends of a stream to whoever asks, and who asks says to which subject. */
describe('somebody who has the server send a stored value to a subject that is not theirs', () => {
  let nats: BusAccount;
  let bus: Bus;
  let end: AbortController;
  beforeAll(() => Logger.overrideLogger(false));
  afterAll(() => Logger.overrideLogger(['error']));
  beforeEach(async () => {
    end = new AbortController();
    nats = await BusAccount.open();
    bus = await nats.connect();
    await ensureTopology(bus, { hosts: [host] });
  });
  afterEach(async () => {
    end.abort();
    await reading;
    reading = undefined;
    await app?.close();
    app = undefined;
    await bus.close();
    await nats[Symbol.asyncDispose]();
  });

  const marked = () => {
    const fields = headers();
    fields.set('Nats-Stream', `KV_${buckets.hosts.name}`);
    return fields;
  };
  const send = (way: Way, name: Name) =>
    bus.connection.publish(way.subject(name), way.message(name), {
      reply: 'nobody',
      ...(name === 'forged' && { headers: marked() }),
    });

  it.each(Object.entries(ways))('is not heard with %s', async (_, way) => {
    const heard = new Set<string>();
    await way.hear(bus, (name) => heard.add(name), end.signal);
    // In this order, on the connection that listens.
    for (const name of names) send(way, name);
    await eventually(() => expect(heard).toContain('genuine'));
    expect([...heard]).toEqual(['genuine']);
  });

  it('is not believed when the record is read', async () => {
    const bucket = openBucket(bus, buckets.inventory, Named);
    const keyOf = (name: Name) => `${host}.${name}`;
    for (const name of names)
      await bus.jetstream.publish(`$KV.${buckets.inventory.name}.${keyOf(name)}`, encodeJson({ name }), {
        ...(name === 'forged' && { headers: marked() }),
      });
    for (const read of [bucket.get.bind(bucket), bucket.latest.bind(bucket)]) {
      expect(await read(keyOf('genuine'))).toMatchObject({ value: { name: 'genuine' } });
      await expect(read(keyOf('forged'))).rejects.toThrow('not written by a service');
    }
    expect((await bucket.entries('>')).map(({ value }) => value.name)).toEqual(['genuine']);
  });
});
