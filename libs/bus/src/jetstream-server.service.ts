import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Logger, type INestMicroservice, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  commandDeadLettered,
  ProblemError,
  readVm,
  startVm,
  streams,
  subjects,
  type Command,
  type CommandOf,
} from '@polyvirt/contracts';
import { randomUUID } from 'node:crypto';
import 'reflect-metadata';
import { z } from 'zod';
import {
  ask,
  CommandContext,
  ensureTopology,
  isEvent,
  JetStreamServer,
  OnCommand,
  OnQuery,
  publishCommand,
  readEvents,
  Redeliver,
  traceparent,
  runInTrace,
  type Bus,
  type DeadLetter,
  type JetStreamServerOptions,
} from './index.ts';
import { encodeJson } from './wire.ts';
import { BusAccount, eventually, NatsServer, type Broker } from './testing/index.ts';

const host = 'kvm-a';

const command = (nativeId = 'vm-1', operationId = randomUUID()): Command => ({
  operationId,
  verb: 'vm.start',
  host,
  nativeId,
  requestId: 'request-1',
  requestedBy: 'ada',
  requestedAt: new Date().toISOString(),
  notAfter: new Date(Date.now() + 30_000).toISOString(),
  input: {},
});

type Start = CommandOf<typeof startVm>;
let start: (command: Start, context: CommandContext) => Promise<void>;
let read: (nativeId: string) => unknown;

@Controller()
class Handler {
  @OnCommand(startVm)
  start(@Payload() command: Start, @Ctx() context: CommandContext) {
    return start(command, context);
  }

  @OnQuery(readVm)
  read(@Payload() { nativeId }: { nativeId: string }) {
    return read(nativeId);
  }
}

class HandlerModule {}
Reflect.defineMetadata('controllers', [Handler] satisfies Type[], HandlerModule);

describe('JetStreamServer', () => {
  let nats: Broker;
  let gateway: Bus;
  let agent: Bus;
  let app: INestMicroservice | undefined;
  let server: JetStreamServer;
  const end = new AbortController();

  beforeAll(() => Logger.overrideLogger(false));

  const open = async (broker: Broker) => {
    nats = broker;
    [gateway, agent] = await Promise.all([nats.connect(), nats.connect()]);
    await ensureTopology(gateway, { hosts: [host] });
    start = async () => {};
    read = () => ({});
  };
  const close = async () => {
    await app?.close();
    app = undefined;
    await Promise.all([gateway.close(), agent.close()]);
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

  afterAll(() => end.abort());

  const serve = async (options: Partial<JetStreamServerOptions> = {}) => {
    server = new JetStreamServer({ bus: agent, host, workingEveryMs: 200, ...options });
    app = await NestFactory.createMicroservice(HandlerModule, { strategy: server, logger: false });
    await app.listen();
  };

  const waiting = async () => (await gateway.manager.streams.info(streams.commands.name)).state.messages;

  const deadLetters = async (count: number) => {
    const letters = [];
    for await (const { event } of readEvents(gateway, { fromSequence: 0, signal: end.signal })) {
      if (!isEvent(commandDeadLettered, event)) throw new Error(`unexpected ${event.type}`);
      letters.push(event);
      if (letters.length === count) break;
    }
    return letters;
  };

  it('hands a validated command to its handler and takes it off the queue', async () => {
    const seen: Start[] = [];
    start = async (received, context) => {
      expect(context.deliveries).toBe(1);
      seen.push(received);
    };
    await serve();
    const sent = command();
    expect(await publishCommand(gateway, sent)).toMatchObject({ duplicate: false });
    expect(await publishCommand(gateway, sent)).toMatchObject({ duplicate: true });
    await eventually(async () => expect(await waiting()).toBe(0));
    expect(seen).toEqual([sent]);
  });

  it('carries the trace of the sender into the handler', async () => {
    const traces: Array<string | undefined> = [];
    start = async () => {
      traces.push(traceparent());
    };
    await serve();
    const parent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    await runInTrace(parent, () => publishCommand(gateway, command()));
    await eventually(() =>
      expect(traces).toEqual([expect.stringMatching(new RegExp(`^00-a{32}-(?!b{16})[0-9a-f]{16}-01$`))]),
    );
  });

  it('delivers a command again when its handler fails, and joins one that still runs', async () => {
    const deliveries: number[] = [];
    start = async (_command, context) => {
      deliveries.push(context.deliveries);
      if (context.deliveries === 1) throw new Redeliver();
    };
    await serve();
    await publishCommand(gateway, command());
    await eventually(async () => expect(await waiting()).toBe(0));
    expect(deliveries).toEqual([1, 2]);
  });

  it('runs commands side by side and keeps the slow ones from coming again', async () => {
    /** How often the server was told of each command that it is being carried out. */
    const told = new Map<string, number>();
    gateway.connection.subscribe(`$JS.ACK.${streams.commands.name}.agent_${host}.>`, {
      callback: (_error, { subject, data }) => {
        const sequence = subject.split('.').at(5)!;
        if (new TextDecoder().decode(data) === '+WPI') told.set(sequence, (told.get(sequence) ?? 0) + 1);
      },
    });
    let begun = 0;
    let letEnd = () => {};
    const mayEnd = new Promise<void>((resolve) => {
      letEnd = resolve;
    });
    start = async () => {
      begun += 1;
      await mayEnd;
    };
    await serve({ workingEveryMs: 20 });
    for (let index = 0; index < 5; index += 1) await publishCommand(gateway, command(`vm-${index}`));
    await eventually(() => expect(begun).toBe(5));
    // Each again and again, and each time the server waits anew.
    await eventually(() => {
      expect([...told.keys()].sort()).toEqual(['1', '2', '3', '4', '5']);
      expect(Math.min(...told.values())).toBeGreaterThan(2);
    });
    const { num_redelivered } = await gateway.manager.consumers.info(streams.commands.name, `agent_${host}`);
    expect(num_redelivered).toBe(0);
    letEnd();
    await eventually(async () => expect(await waiting()).toBe(0));
    expect(begun).toBe(5);
  });

  it('goes on after nats-server was killed and came back, with what was waiting and what was running', async () => {
    const ended: string[] = [];
    let letEnd = () => {};
    const mayEnd = new Promise<void>((resolve) => {
      letEnd = resolve;
    });
    const own = await onOwnServer();
    start = async ({ nativeId }) => {
      if (nativeId === 'slow') await mayEnd;
      ended.push(nativeId!);
    };
    await serve();
    await publishCommand(gateway, command('slow'));
    await eventually(async () => {
      const info = await gateway.manager.consumers.info(streams.commands.name, `agent_${host}`);
      expect(info.num_ack_pending).toBe(1);
    });
    await own.kill();
    const waitingFor = publishCommand(gateway, command('meanwhile'));
    await own.start();
    await waitingFor;
    await eventually(() => expect(ended).toEqual(['meanwhile']));
    letEnd();
    await eventually(async () => expect(await waiting()).toBe(0));
    expect(ended).toEqual(['meanwhile', 'slow']);
  });

  it('gives the commands of an agent that died to the next one', async () => {
    await gateway.manager.consumers.update(streams.commands.name, `agent_${host}`, { ack_wait: 500 * 1e6 });
    start = () => new Promise(() => {});
    const dying = await nats.connect();
    const first = new JetStreamServer({ bus: dying, host, closeWithinMs: 0 });
    const firstApp = await NestFactory.createMicroservice(HandlerModule, { strategy: first, logger: false });
    await firstApp.listen();
    await publishCommand(gateway, command());
    await eventually(async () => {
      const info = await gateway.manager.consumers.info(streams.commands.name, `agent_${host}`);
      expect(info.num_ack_pending).toBe(1);
    });
    await dying.connection.close();

    const deliveries: number[] = [];
    start = async (_command, context) => {
      deliveries.push(context.deliveries);
    };
    await serve();
    await eventually(async () => expect(await waiting()).toBe(0));
    expect(deliveries.length).toBe(1);
    expect(deliveries[0]).toBeGreaterThan(1);
    await firstApp.close();
  });

  it('goes on when the server comes back without its store', async () => {
    const own = await onOwnServer();
    let begun = 0;
    start = async () => {
      begun += 1;
    };
    await serve();
    await own.kill();
    await own.wipe();
    await own.start();
    await gateway.whenConnected();
    await ensureTopology(gateway);
    await publishCommand(gateway, command());
    await eventually(() => expect(begun).toBe(1));
  });

  it('does not mind a handler that outlives the connection', async () => {
    const dying = await nats.connect();
    const first = new JetStreamServer({ bus: dying, host, closeWithinMs: 0, workingEveryMs: 10 });
    const firstApp = await NestFactory.createMicroservice(HandlerModule, { strategy: first, logger: false });
    await firstApp.listen();
    const failures: unknown[] = [];
    const note = (error: unknown) => failures.push(error);
    process.on('unhandledRejection', note);
    const ends: Array<(failed?: boolean) => void> = [];
    const running = () =>
      new Promise<void>((resolve, reject) => {
        ends.push((failed) => (failed ? reject(new Error('too late')) : resolve()));
      });
    start = running;
    read = running;
    await publishCommand(gateway, command('a'));
    await publishCommand(gateway, command('b'));
    const asked = ask(gateway, readVm, host, { nativeId: 'x' }, { deadlineMs: 50 }).catch(() => {});
    await eventually(() => expect(ends.length).toBe(3));
    await firstApp.close();
    await dying.close();
    ends.forEach((settle, index) => settle(index === 0));
    await asked;
    await first.idle();
    // Node tells of a rejection that nobody handles when the microtasks behind it have run.
    await new Promise(setImmediate);
    process.off('unhandledRejection', note);
    expect(failures).toEqual([]);
  });

  describe('dead letters', () => {
    const put = async (subject: string, payload: Uint8Array) => {
      await gateway.jetstream.publish(subject, payload);
    };

    it('puts aside what it cannot read, keeps it visible, and goes on', async () => {
      const told: DeadLetter[] = [];
      let begun = 0;
      start = async () => {
        begun += 1;
      };
      await serve({
        onDeadLetter: async (letter) => {
          told.push(letter);
        },
      });
      const operationId = randomUUID();
      await put(subjects.command(host, 'vm.start'), new TextEncoder().encode('{"half'));
      await put(subjects.command(host, 'vm.start'), encodeJson({ ...command(), operationId, input: { force: 1 } }));
      await put(subjects.command(host, 'vm.dance'), encodeJson({ ...command(), operationId, verb: 'vm.dance' }));
      await put(subjects.command(host, 'vm.start'), encodeJson({ ...command(), operationId, host: 'kvm-b' }));
      await publishCommand(gateway, command());
      await eventually(() => expect(begun).toBe(1));
      const letters = await deadLetters(4);
      await eventually(async () => expect(await waiting()).toBe(0));
      expect(letters.map(({ data }) => data.reason).sort()).toEqual([
        expect.stringContaining('It is for host kvm-b.'),
        expect.stringContaining('It is no JSON'),
        expect.stringContaining('It is not valid'),
        expect.stringContaining('knows no command vm.dance'),
      ]);
      expect(letters.map(({ data }) => data.payload)).toContain('{"half');
      expect(told.filter((letter) => letter.operationId === operationId).length).toBe(3);
    });

    it('puts aside a command that has been delivered too often', async () => {
      start = () => Promise.reject(new Redeliver());
      await serve({ maxDeliveries: 3 });
      const sent = command();
      await publishCommand(gateway, sent);
      const [letter] = await deadLetters(1);
      expect(letter).toMatchObject({
        subject: sent.operationId,
        data: { deliveries: 4, reason: expect.stringContaining('3 times') },
      });
      await eventually(async () => expect(await waiting()).toBe(0));
    });

    it('keeps the command until the dead letter has been dealt with', async () => {
      let tries = 0;
      await serve({
        onDeadLetter: async () => {
          tries += 1;
          if (tries === 1) throw new Error('not now');
        },
      });
      await put(subjects.command(host, 'vm.start'), new TextEncoder().encode('?'));
      await eventually(() => expect(tries).toBe(2));
      await eventually(async () => expect(await waiting()).toBe(0));
      await deadLetters(1);
      expect((await gateway.manager.streams.info(streams.events.name)).state.messages).toBe(1);
    });
  });

  it('takes nothing new while draining, lets what runs end, and still answers', async () => {
    let letEnd = () => {};
    const mayEnd = new Promise<void>((resolve) => {
      letEnd = resolve;
    });
    const begun: string[] = [];
    start = async ({ nativeId }) => {
      begun.push(nativeId!);
      await mayEnd;
    };
    read = () => ({ answered: true });
    await serve();
    await publishCommand(gateway, command('first'));
    await eventually(() => expect(begun).toEqual(['first']));
    await server.stopFetching();
    await publishCommand(gateway, command('second'));
    await expect(ask(gateway, { ...readVm, output: anything }, host, { nativeId: 'x' })).resolves.toEqual({
      answered: true,
    });
    letEnd();
    await server.idle();
    await eventually(async () => expect(await waiting()).toBe(1));
    expect(begun).toEqual(['first']);
  });

  describe('questions', () => {
    it('answers', async () => {
      read = (nativeId) => Promise.resolve({ echo: nativeId });
      await serve();
      await expect(ask(gateway, { ...readVm, output: anything }, host, { nativeId: 'vm-1' })).resolves.toEqual({
        echo: 'vm-1',
      });
    });

    it('carries a problem through', async () => {
      read = () => {
        throw new ProblemError('vm-not-found', 'There is no VM vm-1.', { operationId: 'op' });
      };
      await serve();
      await expect(ask(gateway, readVm, host, { nativeId: 'vm-1' })).rejects.toMatchObject({
        code: 'vm-not-found',
        message: 'There is no VM vm-1.',
        extras: { operationId: 'op' },
      });
    });

    it('hides anything else that went wrong', async () => {
      read = () => {
        throw new Error('secret');
      };
      await serve();
      const answer = ask(gateway, readVm, host, { nativeId: 'vm-1' });
      await expect(answer).rejects.toMatchObject({ code: 'internal', message: expect.not.stringContaining('secret') });
    });

    it('refuses input that is not valid', async () => {
      await serve();
      await expect(ask(gateway, readVm, host, { nativeId: '../x' })).rejects.toMatchObject({
        code: 'invalid-input',
        extras: { errors: [{ pointer: '/nativeId' }] },
      });
    });

    it('is host-offline when nobody listens and timed-out when nobody answers', async () => {
      await expect(ask(gateway, readVm, host, { nativeId: 'vm-1' })).rejects.toMatchObject({ code: 'host-offline' });
      read = () => new Promise(() => {});
      await serve();
      await expect(ask(gateway, readVm, host, { nativeId: 'vm-1' }, { deadlineMs: 100 })).rejects.toMatchObject({
        code: 'timed-out',
      });
    });

    it('is unavailable while the bus is away, and stops waiting when asked to', async () => {
      const own = await onOwnServer();
      await own.kill();
      await eventually(() => expect(gateway.isConnected).toBe(false));
      await expect(ask(gateway, readVm, host, { nativeId: 'vm-1' }, { deadlineMs: 100 })).rejects.toMatchObject({
        code: 'unavailable',
      });
      const signal = AbortSignal.abort(new Error('enough'));
      await expect(ask(gateway, readVm, host, { nativeId: 'vm-1' }, { signal })).rejects.toThrow('enough');
    });
  });
});

const anything = z.any();
