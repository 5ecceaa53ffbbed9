import { Controller, Get, Headers, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiTags } from '@nestjs/swagger';
import { EventsTicket } from '@polyvirt/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Caller } from '../auth/caller.decorator.ts';
import { RequirePermission, TakesTicket } from '../auth/permission.decorator.ts';
import { Tickets } from '../auth/tickets.ts';
import { Changes } from '../audit/changes.decorator.ts';
import { isoTime } from '../database/columns.ts';
import { invalidInput } from '../http/faults.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { EventsQuery, LastEventId } from './event-filter.ts';
import { EventStreams } from './event-streams.ts';

const purpose = 'events';

@ApiTags('Events')
@Controller('events')
export class EventStreamController {
  constructor(
    private readonly streams: EventStreams,
    private readonly tickets: Tickets,
  ) {}

  @Post('ticket')
  @HttpCode(201)
  @RequirePermission('event:read')
  @Changes('event.ticket', 'carried out')
  @Answers({
    id: 'openEvents',
    summary: 'A ticket for one event stream of a browser, whose `EventSource` cannot send a bearer token.',
    description:
      'It is good once, for 30 seconds; add filters and `since` to its address. When the stream breaks, request another ' +
      'ticket and resume with `since`: the retry that an `EventSource` makes by itself would be refused.',
    status: 201,
    schema: EventsTicket,
  })
  async open(@Caller() caller: Caller): Promise<EventsTicket> {
    const { ticket, expiresAtMs } = await this.tickets.issue(purpose, caller);
    return { url: `/api/v1/events?ticket=${ticket}`, expiresAt: isoTime(expiresAtMs) };
  }

  @Get()
  @RequirePermission('event:read')
  @TakesTicket(purpose)
  @ApiHeader({ name: 'Last-Event-ID', required: false, schema: { type: 'string', pattern: '^\\d{1,15}$' } })
  @Answers({
    id: 'streamEvents',
    summary: 'Everything that happens, as it happens (server-sent events).',
    description:
      'The data of each event is a CloudEvent, `id:` its place in the stream. Send the last one as `Last-Event-ID`, or as ' +
      '`since`, to go on where you were; without, the stream begins now. It ends with an event `closed` that says why.',
    mediaType: 'text/event-stream',
    problems: ['cursor-expired', 'too-many-requests', 'unavailable'],
  })
  async stream(
    @Query({ schema: EventsQuery }) query: EventsQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Caller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { since, ticket: _, ...filter } = query;
    const after = lastEventId === undefined ? since : cursorOf(lastEventId);
    const stream = await this.streams.open({ after, filter, caller, request });
    void reply
      .header('content-type', 'text/event-stream; charset=utf-8')
      .header('cache-control', 'no-store')
      // Proxies that buffer would hold events back.
      .header('x-accel-buffering', 'no')
      .send(stream);
  }
}

function cursorOf(lastEventId: string): number {
  const parsed = LastEventId.safeParse(lastEventId);
  if (parsed.success) return parsed.data;
  throw invalidInput('request', [{ pointer: 'Last-Event-ID', detail: 'A cursor is the `id:` of an event.' }]);
}
