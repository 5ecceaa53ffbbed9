import { Controller, Get, Headers, Query, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Caller } from '../auth/caller.decorator.ts';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { invalidInput } from '../http/faults.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { EventsQuery, LastEventId } from './event-filter.ts';
import { EventStreams } from './event-streams.ts';

@ApiTags('Events')
@Controller('events')
export class EventStreamController {
  constructor(private readonly streams: EventStreams) {}

  @Get()
  @RequirePermission('event:read')
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
    const { since, ...filter } = query;
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
