import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleInit,
} from '@nestjs/common';
import { ProblemError, type Permission, type Problem } from '@polyvirt/contracts';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { Server, type DefaultEventsMap, type Socket } from 'socket.io';
import { z } from 'zod';
import type { Bearing } from '../auth/access-token.ts';
import { Authentication } from '../auth/authentication.ts';
import type { Principal } from '../auth/caller.decorator.ts';
import { Door } from '../auth/door.ts';
import { IdentityChanges } from '../auth/identity-changes.ts';
import { NetworkReaders } from '../auth/network-readers.ts';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { EventFeed } from '../events/event-feed.ts';
import { defaultPace, type CloseReason } from '../events/event-stream.ts';
import { callerAddresses, type Connection } from '../http/caller-address.ts';
import { parseInput } from '../http/faults.ts';
import { isSameOrigin } from '../http/origin.ts';
import { problemOfFailure, sendProblem } from '../http/problem.filter.ts';
import { clientRequestIdFrom } from '../http/request-context.ts';
import { Upgrades, type UpgradeEmitter } from '../http/upgrades.ts';
import { LOGGER } from '../logger.ts';
import { MetricsMemory } from '../metrics/metrics-memory.ts';
import { budgetOf } from '../rate-limit/budget.ts';
import { neighbourhoodOf } from '../rate-limit/neighbourhood.ts';
import { RateLimits } from '../rate-limit/rate-limits.ts';
import { TIMES, type GatewayTimes } from '../times.ts';
import {
  LiveClient,
  type Admission,
  type ClientMessages,
  type LiveSocket,
  type Reply,
  type ServerMessages,
} from './live-client.ts';
import { topicNames, topicOf, type Topic } from './topics.ts';

export const livePath = '/socket.io/';
/** Connections that one user, or all programs with tokens of theirs, may have open on one gateway. */
export const mostConnectionsEach = 64;
export const mostTopicsEach = 1_000;
/** In ticks; a tick is a second. */
const verifyEvery = 5;
/** Readings of all hosts that come in within this time travel together. */
const flushMs = 250;
/** A connection that has not said by then who it is, is cut off. */
const connectWithinMs = 10_000;
const pollingAdvice =
  "Live connections are WebSockets. Give your Socket.IO client the option `transports: ['websocket']`.";
const longestMessage = 128 * 1_024;

/** A message that asks for something which comes back as another message. */
export interface Question {
  readonly permission: Permission;
  /** Name of the message that answers. */
  readonly reply: string;
  /** Throws a problem; the message then has it as `error`. */
  answer(message: unknown): unknown;
}

const Topics = z.array(z.string().max(256)).min(1).max(mostTopicsEach);
const Subscribe = z.strictObject({
  topics: Topics,
  since: z
    .string()
    .regex(/^\d{1,15}$/, 'A cursor is one that an event came with.')
    .transform(Number)
    .optional(),
});
const Unsubscribe = z.strictObject({ topics: Topics });
const Authenticate = z.strictObject({ token: z.string().max(4_096) });

/** The live connections of browsers, over Socket.IO: one for each tab, whatever it shows. */
@Injectable()
export class LiveConnections implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown {
  pace = defaultPace;
  private readonly clients = new Map<LiveSocket, LiveClient>();
  private readonly server: Server<ClientMessages, ServerMessages, DefaultEventsMap, Admission>;
  private readonly questions = new Map<string, Question>();
  private readonly callerAddress: (connection: Connection) => string;
  private ticking: NodeJS.Timeout | undefined;
  private flushing: NodeJS.Timeout | undefined;
  private ticks = 0;

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly upgrades: Upgrades,
    private readonly authentication: Authentication,
    private readonly door: Door,
    private readonly changes: IdentityChanges,
    private readonly readers: NetworkReaders,
    private readonly limits: RateLimits,
    private readonly feed: EventFeed,
    private readonly metrics: MetricsMemory,
    @Inject(CONFIG) private readonly config: GatewayConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(TIMES) private readonly times: GatewayTimes,
  ) {
    this.callerAddress = callerAddresses(config.trustProxy);
    this.server = new Server({
      path: livePath,
      transports: ['websocket'],
      serveClient: false,
      // What is not for it belongs to others.
      destroyUpgrade: false,
      maxHttpBufferSize: longestMessage,
      connectTimeout: connectWithinMs,
      allowRequest: (request, decide) => decide(null, this.isOurs(request)),
    });
  }

  /** How many are open. */
  get count(): number {
    return this.clients.size;
  }

  /** Clients that connect from now on may ask it. */
  addQuestion(name: string, question: Question): void {
    this.questions.set(name, question);
  }

  onModuleInit(): void {
    // Never listens: it only stands between, as Socket.IO insists on a server of its own.
    const door = createServer();
    this.server.attach(door);
    this.upgrades.assign(livePath, door as unknown as UpgradeEmitter);
    this.host.httpAdapter.getInstance<FastifyInstance>().route({
      method: ['GET', 'POST'],
      url: livePath,
      handler: (request, reply) => sendProblem(reply, new ProblemError('invalid-input', pollingAdvice), request),
    });
    this.server.use((socket, next) => {
      this.admit(socket).then(
        () => next(),
        (error: unknown) => next(refusal(this.problem(error))),
      );
    });
    this.server.on('connection', (socket) => this.meet(socket));
    this.changes.onChange(() => this.verifyAll());
  }

  onApplicationBootstrap(): void {
    this.feed.onArrival(() => {
      for (const client of this.clients.values()) client.notice();
    });
    this.feed.onReset(() => this.closeAll('cursor-expired'));
    this.metrics.onBatch(({ readings }) => {
      if (this.clients.size === 0) return;
      for (const client of this.clients.values()) for (const reading of readings) client.take(reading);
      this.flushing ??= setTimeout(() => this.flush(), flushMs).unref();
    });
    this.ticking = setInterval(() => this.tick(), this.times.streamTickMs).unref();
  }

  /** Before the HTTP server closes, which waits for its connections. */
  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.ticking);
    clearTimeout(this.flushing);
    this.closeAll('shutting-down');
    await this.server.close();
  }

  private isOurs({ headers }: IncomingMessage): boolean {
    const forwarded = this.config.trustProxy === undefined ? undefined : headers['x-forwarded-host'];
    return isSameOrigin(headers.origin, typeof forwarded === 'string' ? forwarded : headers.host);
  }

  /** Throws `unauthenticated`, or `too-many-requests`. */
  private async admit(socket: LiveSocket): Promise<void> {
    const { token } = socket.handshake.auth as { token?: unknown };
    const principal = await (typeof token === 'string'
      ? this.identify(token, socket)
      : this.admitReader(token, socket));
    const budget = budgetOf(principal);
    const open = [...this.clients.values()].filter((client) => budgetOf(client.principal) === budget).length;
    if (open >= mostConnectionsEach)
      throw new ProblemError('too-many-requests', `You have ${open} live connections open; close one first.`);
    socket.data = { principal, ...(typeof token === 'string' && { token }) };
  }

  /** Throws `unauthenticated` for who is not of a network whose machines may read without a token. */
  private async admitReader(token: unknown, socket: LiveSocket): Promise<Principal> {
    const address = this.addressOf(socket);
    await this.limits.admitUnknown(address);
    if (token === undefined && this.readers.includes({ address, headers: socket.handshake.headers }))
      return readerAt(address);
    throw new ProblemError('unauthenticated', 'A live connection needs `auth.token`; log in first.');
  }

  private meet(socket: LiveSocket): void {
    const client = new LiveClient(socket, this.feed, this.feed.window.last, this.pace, (err) =>
      this.logger.warn({ err, userId: client.userId }, 'a live connection broke'),
    );
    this.clients.set(socket, client);
    socket.conn.once('close', () => this.clients.delete(socket));
    const answering =
      (work: (message: unknown) => Promise<void>) => (message: unknown, reply?: (answer: Reply) => void) => {
        const answer = typeof reply === 'function' ? reply : () => undefined;
        this.limits
          .admit(client.principal)
          .then(() => work(message))
          .then(
            () => answer({ cursor: client.cursor }),
            (error: unknown) => answer({ error: this.toProblem(error) }),
          );
      };
    socket.on(
      'subscribe',
      answering((message) => this.subscribe(client, message)),
    );
    socket.on(
      'unsubscribe',
      answering(async (message) => client.unsubscribe(parseInput(Unsubscribe, message, 'message').topics)),
    );
    socket.on(
      'authenticate',
      answering((message) => this.renew(client, message)),
    );
    for (const [name, question] of this.questions) {
      const reply = (message: object) => (socket as unknown as Socket).emit(question.reply, message);
      (socket as unknown as Socket).on(name, (message: unknown) => {
        this.answer(client, question, message).then(reply, (error: unknown) => reply({ error: this.toProblem(error) }));
      });
    }
  }

  private async answer(client: LiveClient, { permission, answer }: Question, message: unknown): Promise<object> {
    await this.limits.admit(client.principal);
    const { permissions, role } = client.token === undefined ? client.principal : await this.whoIs(client.token);
    if (permissions.has(permission)) return answer(message) as object;
    throw new ProblemError(
      'forbidden',
      `This needs the permission ${permission}, which your role ${role} does not have.`,
    );
  }

  /** All of the topics, or none. */
  private async subscribe(client: LiveClient, message: unknown): Promise<void> {
    const { topics, since } = parseInput(Subscribe, message, 'message');
    if (client.token === undefined)
      throw new ProblemError('unauthenticated', 'To subscribe needs a token; send `authenticate` with one first.');
    const { permissions, role } = await this.whoIs(client.token);
    const found = new Map<string, Topic>();
    for (const name of topics) {
      const topic = topicOf(name);
      if (!topic) throw new ProblemError('invalid-input', `There is no topic ${name}; there are ${topicNames}.`);
      if (!permissions.has(topic.permission))
        throw new ProblemError(
          'forbidden',
          `The topic ${name} needs the permission ${topic.permission}, which your role ${role} does not have.`,
        );
      found.set(name, topic);
    }
    if (client.topicCount + found.size > mostTopicsEach)
      throw new ProblemError(
        'invalid-input',
        `A connection has at most ${mostTopicsEach} topics; unsubscribe from some.`,
      );
    if (since !== undefined) await this.feed.requireCursor(since);
    client.subscribe(found, since);
  }

  /** With another token of the same user, before the one that it has expires. */
  private async renew(client: LiveClient, message: unknown): Promise<void> {
    const { token } = parseInput(Authenticate, message, 'message');
    const principal = await this.identify(token, client.socket);
    if (client.token !== undefined && principal.userId !== client.userId)
      throw new ProblemError('forbidden', 'A live connection stays with its user; open another one.');
    client.become(principal, token);
    await this.verify(client);
  }

  /** Of a token that somebody shows. */
  private identify(token: string, socket: LiveSocket): Promise<Principal> {
    const clientRequestId = clientRequestIdFrom(socket.handshake.headers['x-request-id']);
    return this.door.identify(bearing(token), { ip: this.addressOf(socket), id: randomUUID(), clientRequestId });
  }

  /** `handshake.address` is that of the other end of the connection, which may be a proxy. */
  private addressOf({ handshake: { address, headers } }: LiveSocket): string {
    return this.callerAddress({ headers, socket: { remoteAddress: address } });
  }

  /** Of one that was shown before. */
  private whoIs(token: string): Promise<Principal> {
    return this.authentication.authenticate(bearing(token));
  }

  private tick(): void {
    this.ticks++;
    for (const client of this.clients.values()) client.checkPace();
    if (this.ticks % verifyEvery === 0) this.verifyAll();
  }

  private flush(): void {
    this.flushing = undefined;
    for (const client of this.clients.values()) client.flushReadings();
  }

  private verifyAll(): void {
    for (const client of this.clients.values()) void this.verify(client);
  }

  /** A connection must not outlive the right to what it hears. */
  private async verify(client: LiveClient): Promise<void> {
    if (client.token === undefined) return;
    try {
      const principal = await this.whoIs(client.token);
      client.become(principal, client.token);
      const { permissions } = principal;
      for (const { permission } of client.topicList) if (!permissions.has(permission)) client.close('token-expired');
    } catch (error) {
      if (error instanceof ProblemError && error.code === 'unauthenticated') client.close('token-expired');
      else this.logger.warn({ err: error, userId: client.userId }, 'cannot verify the owner of a live connection');
    }
  }

  private closeAll(reason: CloseReason): void {
    for (const client of this.clients.values()) client.close(reason);
  }

  private toProblem(error: unknown): Problem {
    return this.problem(error).toProblem(randomUUID());
  }

  private problem(error: unknown): ProblemError {
    const problem = problemOfFailure(error);
    if (problem.code === 'internal') this.logger.error({ err: problem.cause ?? error }, 'a live message failed');
    return problem;
  }
}

const bearing = (token: string): Bearing => ({ headers: { authorization: `Bearer ${token}` } });

/** Each address counts as a user of its own. */
const readerAt = (address: string): Principal => ({
  userId: `reader ${neighbourhoodOf(address)}`,
  username: '-',
  role: 'viewer',
  permissions: readerPermissions,
  actor: '-',
});
const readerPermissions: ReadonlySet<Permission> = new Set(['vm:read', 'metrics:read']);

/** Socket.IO passes `data` on to the client. */
const refusal = (problem: ProblemError): Error =>
  Object.assign(new Error(problem.code), { data: problem.toProblem(randomUUID()) });
