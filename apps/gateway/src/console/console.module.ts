import { Module } from '@nestjs/common';
import { HostsModule } from '../hosts/hosts.module.ts';
import { InventoryModule } from '../inventory/inventory.module.ts';
import { VmsModule } from '../vms/vms.module.ts';
import { ConsoleSocket } from './console-socket.ts';
import { ConsoleTickets } from './console-tickets.ts';
import { ConsoleController } from './console.controller.ts';
import { Consoles } from './consoles.ts';

@Module({
  imports: [InventoryModule, HostsModule, VmsModule],
  controllers: [ConsoleController],
  providers: [ConsoleSocket, ConsoleTickets, Consoles],
})
export class ConsoleModule {}
