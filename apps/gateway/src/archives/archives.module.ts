import { Module } from '@nestjs/common';
import { EventFeed } from '../events/event-feed.ts';
import { EventsModule } from '../events/events.module.ts';
import { ArchiveFiles } from './archive-files.ts';
import { ArchiveController } from './archive.controller.ts';
import { Archives } from './archives.ts';

@Module({ imports: [EventsModule], controllers: [ArchiveController], providers: [ArchiveFiles, Archives] })
export class ArchivesModule {
  constructor(feed: EventFeed, archives: Archives) {
    feed.add(archives);
  }
}
