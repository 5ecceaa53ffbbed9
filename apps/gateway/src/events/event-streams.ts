import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { ProblemError } from '@polyvirt/contracts';
import type { FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { Authentication } from '../auth/authentication.ts';
import { credentialIdOf, type Caller, type Principal } from '../auth/caller.decorator.ts';
import { LOGGER } from '../logger.ts';
import { budgetOf } from '../rate-limit/budget.ts';
import { TIMES, type GatewayTimes } from '../times.ts';
import { seesFolders } from '../disclosure/host-folders.ts';
import { EventFeed } from './event-feed.ts';
import { eventMatcher, type EventFilter } from './event-filter.ts';
import { defaultPace, EventStream, type CloseReason } from './event-stream.ts';
import type { StreamEvent } from './stream-event.ts';

/** Streams that one user, or all programs with tokens of theirs, may have open on one gateway. */
export const mostStreamsEach = 16;
/** In ticks; a tick is a second. */
const pingEvery = 15;
const verifyEvery = 5;

interface Opening {
  readonly after: number | undefined;
  readonly filter: EventFilter;
  readonly caller: Caller;
  readonly request: FastifyRequest;
}

interface Client {
  readonly stream: EventStream;
  readonly caller: Caller;
  readonly request: FastifyRequest;
  readonly viewer: Viewer;
}

/** The caller as they are known now. */
interface Viewer {
  principal: Principal;
}

/** The clients that are listening: wakes them, keeps their connections alive and ends them. */
@Injectable()
export class EventStreams implements OnApplicationBootstrap, BeforeApplicationShutdown {
  pace = defaultPace;
  private readonly clients = new Set<Client>();
  private timer: NodeJS.Timeout | undefined;
  private ticks = 0;

  constructor(
    private readonly feed: EventFeed,
    private readonly authentication: Authentication,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(TIMES) private readonly times: GatewayTimes,
  ) {}

  /** How many are open. */
  get count(): number {
    return this.clients.size;
  }

  onApplicationBootstrap(): void {
    this.feed.onArrival(() => {
      for (const { stream } of this.clients) stream.notice();
    });
    this.feed.onReset(() => this.closeAll('cursor-expired'));
    this.timer = setInterval(() => this.tick(), this.times.streamTickMs).unref();
  }

  /** Before the HTTP server closes, which waits for its connections. */
  beforeApplicationShutdown(): void {
    clearInterval(this.timer);
    this.closeAll('shutting-down');
  }

  /** Throws `cursor-expired`, or `too-many-requests` for a user who has too many open. */
  async open({ after, filter, caller, request }: Opening): Promise<EventStream> {
    const budget = budgetOf(caller);
    const open = [...this.clients].filter((client) => budgetOf(client.caller) === budget).length;
    if (open >= mostStreamsEach) {
      throw new ProblemError('too-many-requests', `You have ${open} event streams open; close one first.`, {
        retryAfterSeconds: pingEvery,
      });
    }
    if (after !== undefined) await this.feed.requireCursor(after);
    // Of a caller whose role may change meanwhile.
    const viewer: Viewer = { principal: caller };
    const frameOf = (event: StreamEvent) => (seesFolders(viewer.principal) ? event : event.veiled).frame;
    const position = after ?? this.feed.window.last;
    const stream = new EventStream(this.feed, position, eventMatcher(filter), this.pace, undefined, frameOf);
    const client = { stream, caller, request, viewer };
    this.clients.add(client);
    stream.on('close', () => this.clients.delete(client));
    stream.on('trouble', (err: unknown) => this.logger.warn({ err, requestId: request.id }, 'an event stream broke'));
    return stream;
  }

  private tick(): void {
    this.ticks++;
    for (const { stream } of this.clients) {
      stream.checkPace();
      if (this.ticks % pingEvery === 0) stream.ping();
    }
    if (this.ticks % verifyEvery === 0) for (const client of this.clients) void this.verify(client);
  }

  /** A stream outlives the request that began it; it must not outlive the right to it. */
  private async verify(client: Client): Promise<void> {
    const { stream, request } = client;
    try {
      client.viewer.principal = await this.whoIs(client);
      if (!client.viewer.principal.permissions.has('event:read')) stream.close('token-expired');
    } catch (error) {
      if (error instanceof ProblemError && error.code === 'unauthenticated') stream.close('token-expired');
      else this.logger.warn({ err: error, requestId: request.id }, 'cannot verify the caller of an event stream');
    }
  }

  /** A ticket was good once; its owner is looked up. */
  private whoIs({ caller, request }: Client): Promise<Principal> {
    if (request.headers.authorization !== undefined) return this.authentication.authenticate(request);
    return this.authentication.lookAgain(credentialIdOf(caller));
  }

  private closeAll(reason: CloseReason): void {
    for (const { stream } of this.clients) stream.close(reason);
  }
}
