import { Module } from '@nestjs/common';
import { EventsModule } from '../events/events.module.ts';
import { MetricsModule } from '../metrics/metrics.module.ts';
import { LiveConnections } from './live-connections.ts';

@Module({ imports: [EventsModule, MetricsModule], providers: [LiveConnections], exports: [LiveConnections] })
export class LiveModule {}
