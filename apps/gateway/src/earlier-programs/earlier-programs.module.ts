import { Module } from '@nestjs/common';
import { HostsModule } from '../hosts/hosts.module.ts';
import { InventoryModule } from '../inventory/inventory.module.ts';
import { LiveModule } from '../live/live.module.ts';
import { MetricsModule } from '../metrics/metrics.module.ts';
import { OperationsModule } from '../operations/operations.module.ts';
import { StatsModule } from '../stats/stats.module.ts';
import { VmsModule } from '../vms/vms.module.ts';
import { CompatPort } from './compat-port.ts';
import { OldProvidersController } from './old-providers.controller.ts';
import { SupervisorMessages } from './supervisor-messages.ts';
import { SupervisorController } from './supervisor.controller.ts';
import { KvmSupervisor } from './kvm-supervisor.ts';

@Module({
  imports: [HostsModule, InventoryModule, LiveModule, MetricsModule, OperationsModule, StatsModule, VmsModule],
  controllers: [SupervisorController, OldProvidersController],
  providers: [CompatPort, KvmSupervisor, SupervisorMessages],
})
export class EarlierProgramsModule {}
