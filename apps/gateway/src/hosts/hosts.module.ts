import { Module } from '@nestjs/common';
import { InventoryModule } from '../inventory/inventory.module.ts';
import { HostAccounts } from './host-accounts.ts';
import { HostEvents } from './host-events.ts';
import { HostController } from './host.controller.ts';
import { HostQuotas } from './host-quotas.ts';
import { HostRegister } from './host-register.ts';
import { Hosts } from './hosts.ts';

@Module({
  imports: [InventoryModule],
  controllers: [HostController],
  providers: [HostRegister, HostEvents, Hosts, HostAccounts, HostQuotas],
  exports: [HostRegister, Hosts, HostAccounts],
})
export class HostsModule {}
