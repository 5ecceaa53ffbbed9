import { Global, Module } from '@nestjs/common';
import { Database } from '../database/database.ts';
import { FreeSpace } from './free-space.ts';
import { HealthController } from './health.controller.ts';
import { MetricsController } from './metrics.controller.ts';
import { MetricsRegistry } from './metrics-registry.ts';
import { RequestMetrics } from './request-metrics.ts';
import { Readiness } from './readiness.ts';

@Global()
@Module({
  controllers: [HealthController, MetricsController],
  providers: [FreeSpace, Readiness, MetricsRegistry, RequestMetrics],
  exports: [FreeSpace, Readiness, MetricsRegistry],
})
export class HealthModule {
  constructor(readiness: Readiness, database: Database) {
    readiness.add('database', () => database.ping());
  }
}
