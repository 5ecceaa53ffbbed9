import { Module, type DynamicModule, type ModuleMetadata } from '@nestjs/common';
import type { Logger } from 'pino';
import { ArchivesModule } from './archives/archives.module.ts';
import { BusModule } from './bus/bus.module.ts';
import type { GatewayConfig } from './config.ts';
import { ConsoleModule } from './console/console.module.ts';
import { EarlierProgramsModule } from './earlier-programs/earlier-programs.module.ts';
import { EventsModule } from './events/events.module.ts';
import { FoundationModule, type Foundation } from './foundation.module.ts';
import { HostJoinsModule } from './host-joins/host-joins.module.ts';
import { HostsModule } from './hosts/hosts.module.ts';
import { InventoryModule } from './inventory/inventory.module.ts';
import { LiveModule } from './live/live.module.ts';
import { MetricsModule } from './metrics/metrics.module.ts';
import { OperationsModule } from './operations/operations.module.ts';
import { StatsModule } from './stats/stats.module.ts';
import { SubscribersModule } from './subscribers/subscribers.module.ts';
import { VmsModule } from './vms/vms.module.ts';

/** What the bus feeds: inventory, operations, events and what is built on them. */
export const parts: NonNullable<ModuleMetadata['imports']> = [
  BusModule,
  InventoryModule,
  HostsModule,
  EventsModule,
  OperationsModule,
  VmsModule,
  MetricsModule,
  StatsModule,
  ConsoleModule,
  LiveModule,
  ArchivesModule,
  SubscribersModule,
  HostJoinsModule,
  EarlierProgramsModule,
];

@Module({})
export class AppModule {
  static with(config: GatewayConfig, logger: Logger, imports = parts, foundation?: Foundation): DynamicModule {
    const wanted = imports.filter((part) => part !== EarlierProgramsModule || config.compat === 'on');
    return { module: AppModule, imports: [FoundationModule.with(config, logger, foundation), ...wanted] };
  }
}
