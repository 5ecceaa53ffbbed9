import { Module } from '@nestjs/common';
import { InventoryModule } from '../inventory/inventory.module.ts';
import { HostEvents } from './host-events.ts';
import { HostController } from './host.controller.ts';
import { HostQuotas } from './host-quotas.ts';
import { Hosts } from './hosts.ts';

@Module({
  imports: [InventoryModule],
  controllers: [HostController],
  providers: [HostEvents, Hosts, HostQuotas],
  exports: [Hosts],
})
export class HostsModule {}
