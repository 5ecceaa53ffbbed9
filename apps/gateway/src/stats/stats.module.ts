import { Module } from '@nestjs/common';
import { EventsModule } from '../events/events.module.ts';
import { HostsModule } from '../hosts/hosts.module.ts';
import { InventoryModule } from '../inventory/inventory.module.ts';
import { MetricsModule } from '../metrics/metrics.module.ts';
import { OperationsModule } from '../operations/operations.module.ts';
import { HouseSeries } from './house-series.ts';
import { StatsController } from './stats.controller.ts';
import { Stats } from './stats.ts';

@Module({
  imports: [InventoryModule, HostsModule, EventsModule, OperationsModule, MetricsModule],
  controllers: [StatsController],
  providers: [HouseSeries, Stats],
  exports: [Stats],
})
export class StatsModule {}
