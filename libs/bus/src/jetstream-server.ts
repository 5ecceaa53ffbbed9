import type { JsMsg } from '@nats-io/jetstream';
import type { Msg, Subscription } from '@nats-io/transport-node';
import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import {
  asProblemError,
  commandConsumer,
  commandDeadLettered,
  HostId,
  OperationId,
  ProblemError,
  streams,
  subjects,
  type Command,
} from '@polyvirt/contracts';
import { lastValueFrom } from 'rxjs';
import { z } from 'zod';
import type { Bus } from './connection.ts';
import { acknowledge } from './consume.ts';
import { makeEvent, publishEvent } from './event.ts';
import { busTransport, CommandContext, Redeliver, type HandlerExtras } from './handlers.ts';
import { pull } from './pull.ts';
import { unknownQuery } from './query.ts';
import { backoffMs, pause } from './retry.ts';
import { commandAckWaitMs, commandsInFlight } from './topology.ts';
import { currentTrace, runInTrace, traceHeader } from './trace.ts';
import { decodeJson, encodeJson, isEcho, messageHeaders, problemHeader, requestIdHeader } from './wire.ts';

export interface JetStreamServerOptions {
  readonly bus: Bus;
  /** The host whose commands are carried out and whose questions are answered. */
  readonly host: HostId;
  /** A command that has been delivered more often is put aside. 20, unless given. */
  readonly maxDeliveries?: number;
  /** How often the server is told that a command is still being carried out. 5 s, unless given. */
  readonly workingEveryMs?: number;
  /** Called before a command is put aside for good, to end its operation; repeated until it does not throw. */
  readonly onDeadLetter?: (letter: DeadLetter) => Promise<void>;
  /** How long `close` waits for handlers to end. 5 s, unless given. */
  readonly closeWithinMs?: number;
}

/** A command that nobody can carry out. */
export interface DeadLetter {
  readonly subject: string;
  /** As it came; cut off after 64 KiB. */
  readonly payload: string;
  readonly reason: string;
  readonly deliveries: number;
  /** When the message tells it. */
  readonly operationId?: OperationId | undefined;
  /** When the message is a valid command. */
  readonly command?: Command | undefined;
}

/** Keeps a dead letter within what one message may hold, however its text is escaped. */
const longestPayload = 64 * 1_024;

interface Running {
  /** The latest delivery of it. */
  message: JsMsg;
  readonly beat: NodeJS.Timeout;
}

/**
 * Nest transport for an agent: `@OnCommand` handlers take the commands of the host from its work queue, `@OnQuery`
 * handlers answer questions over core NATS. Commands go on by themselves when nats-server was away.
 */
export class JetStreamServer extends Server implements CustomTransportStrategy {
  override readonly transportId = busTransport;
  readonly #options: JetStreamServerOptions;
  readonly #fetching = new AbortController();
  readonly #closing = new AbortController();
  /** By sequence in the stream: a command that comes again while it runs here is the same one. */
  readonly #running = new Map<number, Running>();
  #queries: Subscription | undefined;
  #consumption: Promise<void> = Promise.resolve();
  #wakeIdle: Array<() => void> = [];

  constructor(options: JetStreamServerOptions) {
    super();
    this.#options = options;
  }

  override listen(callback: (error?: unknown) => void): void {
    const { bus, host } = this.#options;
    this.#queries = bus.connection.subscribe(subjects.queriesOf(host), {
      callback: (error, message) => {
        if (error) this.logger.error(`Cannot answer questions: ${error.message}`);
        else void this.#answer(message);
      },
    });
    this.#consumption = this.#consume();
    // Only then does the server know whom to send questions to.
    bus.connection.flush().then(() => callback(), callback);
  }

  /** Takes no more commands; those that run go on, and questions are still answered. */
  async stopFetching(): Promise<void> {
    this.#fetching.abort();
    await this.#consumption;
  }

  /** Resolves when no command is being carried out. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) {
      await new Promise<void>((resolve) => {
        this.#wakeIdle.push(resolve);
      });
    }
  }

  /** Stops taking commands and answering, and waits a while for handlers. What they leave is delivered again. */
  override async close(): Promise<void> {
    await this.stopFetching();
    const patience = new AbortController();
    const timeout = pause(this.#options.closeWithinMs ?? 5_000, patience.signal).catch(() => {});
    await Promise.race([this.idle(), timeout]);
    patience.abort();
    this.#closing.abort();
    for (const { beat } of this.#running.values()) clearInterval(beat);
    this.#queries?.unsubscribe();
  }

  override on(): never {
    throw new Error('This transport has no events of its own; follow the bus instead.');
  }

  override unwrap<T>(): T {
    return this.#options.bus as T;
  }

  async #consume(): Promise<void> {
    const { bus, host } = this.#options;
    const messages = pull(bus, {
      stream: streams.commands.name,
      consumer: commandConsumer(host),
      // The consumer hands out no more than may run at once, so what arrives here begins at once.
      maxMessages: commandsInFlight,
      signal: this.#fetching.signal,
    });
    for await (const message of messages) void this.#carryOut(message);
  }

  async #carryOut(message: JsMsg): Promise<void> {
    const running = this.#running.get(message.seq);
    if (running) {
      running.message = message;
      return;
    }
    const everyMs = this.#options.workingEveryMs ?? commandAckWaitMs / 3;
    const delivery: Running = {
      message,
      beat: setInterval(() => this.#tell(() => delivery.message.working()), everyMs),
    };
    this.#running.set(message.seq, delivery);
    try {
      await runInTrace(message.headers?.get(traceHeader), () => this.#settle(delivery));
    } catch (error) {
      const { deliveryCount } = delivery.message.info;
      const deliberate = error instanceof Redeliver;
      if (!deliberate && !this.#closing.signal.aborted) this.logger.error(error);
      const delayMs = deliberate ? error.delayMs : backoffMs(deliveryCount, { firstDelayMs: 500, maxDelayMs: 30_000 });
      this.#tell(() => delivery.message.nak(Math.max(1, delayMs)));
    } finally {
      clearInterval(delivery.beat);
      this.#running.delete(message.seq);
      if (this.#running.size === 0) for (const wake of this.#wakeIdle.splice(0)) wake();
    }
  }

  async #settle(delivery: Running): Promise<void> {
    const { subject, data, info, headers, seq } = delivery.message;
    if (isEcho(headers)) {
      // Nobody's command: it may name an operation that somebody waits for, which must not be ended by it.
      this.logger.error(`Threw away message ${seq} on ${subject}: it was not published by a service`);
      this.#tell(() => delivery.message.term());
      return;
    }
    const read = this.#read(subject, data);
    const limit = this.#options.maxDeliveries ?? 20;
    const reason =
      read.fault ?? (info.deliveryCount > limit ? `It was delivered ${limit} times and never ended.` : undefined);
    if (reason !== undefined) {
      await this.#putAside(delivery, {
        subject,
        payload: new TextDecoder().decode(data).slice(0, longestPayload),
        reason,
        deliveries: info.deliveryCount,
        operationId: read.operationId ?? OperationId.safeParse(headers?.get('Nats-Msg-Id')).data,
        command: read.command,
      });
      return;
    }
    await this.#run(
      read.handler!,
      read.command,
      new CommandContext([subject, info.deliveryCount, delivery.message.time.getTime()]),
    );
    await acknowledge(delivery.message);
  }

  #read(
    subject: string,
    data: Uint8Array,
  ): { handler?: MessageHandler; command?: Command; operationId?: OperationId | undefined; fault?: string } {
    const { host } = this.#options;
    const verb = subject.slice(subjects.command(host, '').length);
    let json: unknown;
    try {
      json = decodeJson(data);
    } catch (error) {
      return { fault: `It is no JSON: ${(error as Error).message}` };
    }
    const operationId = z.object({ operationId: OperationId }).safeParse(json).data?.operationId;
    const handler = this.messageHandlers.get(verb);
    const definition = (handler?.extras as HandlerExtras | undefined)?.command;
    if (!handler || !definition) return { operationId, fault: `This agent knows no command ${verb}.` };
    const parsed = definition.message.safeParse(json);
    if (!parsed.success) return { operationId, fault: `It is not valid: ${z.prettifyError(parsed.error)}` };
    const command = parsed.data as Command;
    if (command.host !== host) return { operationId, fault: `It is for host ${command.host}.` };
    return { handler, command, operationId };
  }

  async #putAside(delivery: Running, letter: DeadLetter): Promise<void> {
    const { bus, host, onDeadLetter } = this.#options;
    const { seq, info } = delivery.message;
    const { subject, payload, reason, deliveries } = letter;
    this.logger.error(`Put aside a command on ${subject}: ${reason}`);
    const event = makeEvent(commandDeadLettered, {
      id: `${info.stream}:${seq}:dead-lettered`,
      source: `/hosts/${host}/agent`,
      subject: letter.operationId ?? host,
      data: { subject, payload, reason, deliveries },
    });
    await publishEvent(bus, host, event, { signal: this.#closing.signal });
    await onDeadLetter?.(letter);
    this.#tell(() => delivery.message.term());
  }

  /** A handler may outlive the connection; what the server is not told, it finds out by waiting. */
  #tell(say: () => void): void {
    if (!this.#options.bus.isClosing) say();
  }

  async #answer(message: Msg): Promise<void> {
    if (isEcho(message.headers)) {
      this.logger.error(`Gave no answer on ${message.subject}: it was not asked by a service`);
      return;
    }
    const requestId = message.headers?.get(requestIdHeader);
    await runInTrace(message.headers?.get(traceHeader), async () => {
      try {
        const answer = encodeJson(await this.#answerOf(message));
        this.#tell(() => message.respond(answer, { headers: messageHeaders() }));
      } catch (error) {
        const problem = asProblemError(error);
        const id = requestId || (currentTrace()?.traceId ?? '');
        if (problem.code === 'internal') this.logger.error(problem.cause ?? problem, `request ${id}`);
        const headers = messageHeaders({ [problemHeader]: problem.code });
        this.#tell(() => message.respond(encodeJson(problem.toProblem(id)), { headers }));
      }
    });
  }

  async #answerOf(message: Msg): Promise<unknown> {
    const name = message.subject.slice(subjects.query(this.#options.host, '').length);
    const handler = this.messageHandlers.get(name);
    const definition = (handler?.extras as HandlerExtras | undefined)?.query;
    if (!handler || !definition) throw unknownQuery(name);
    const input = definition.input.safeParse(decodeJson(message.data));
    if (!input.success) {
      throw new ProblemError('invalid-input', 'The question is not valid.', {
        errors: input.error.issues.map(({ path, message: detail }) => ({ pointer: `/${path.join('/')}`, detail })),
      });
    }
    return this.#run(handler, input.data, new CommandContext([message.subject, 1]));
  }

  /** Handlers may return a value, a promise or an observable, of which the last value counts. */
  async #run(handler: MessageHandler, input: unknown, context: CommandContext): Promise<unknown> {
    const result: unknown = await handler(input, context);
    return lastValueFrom(this.transformToObservable(result), { defaultValue: undefined });
  }
}
