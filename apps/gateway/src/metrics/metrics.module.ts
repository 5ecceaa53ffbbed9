import { Module } from '@nestjs/common';
import { InventoryModule } from '../inventory/inventory.module.ts';
import { MetricsMemory } from './metrics-memory.ts';
import { Rollups } from './rollups.ts';
import { VmMetricsController } from './vm-metrics.controller.ts';
import { VmMetrics } from './vm-metrics.ts';

@Module({
  imports: [InventoryModule],
  controllers: [VmMetricsController],
  providers: [MetricsMemory, Rollups, VmMetrics],
  exports: [MetricsMemory],
})
export class MetricsModule {}
