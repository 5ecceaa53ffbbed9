import { Module } from '@nestjs/common';
import { EventFeed } from './event-feed.ts';
import { EventStreamController } from './event-stream.controller.ts';
import { EventStreams } from './event-streams.ts';

@Module({ controllers: [EventStreamController], providers: [EventFeed, EventStreams], exports: [EventFeed] })
export class EventsModule {}
