import { Module } from '@nestjs/common';
import { HostsModule } from '../hosts/hosts.module.ts';
import { InventoryModule } from '../inventory/inventory.module.ts';
import { MetricsModule } from '../metrics/metrics.module.ts';
import { OperationsModule } from '../operations/operations.module.ts';
import { StatsController } from './stats.controller.ts';
import { Stats } from './stats.ts';

@Module({
  imports: [InventoryModule, HostsModule, OperationsModule, MetricsModule],
  controllers: [StatsController],
  providers: [Stats],
})
export class StatsModule {}
