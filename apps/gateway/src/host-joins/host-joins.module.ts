import { Module } from '@nestjs/common';
import { EventFeed } from '../events/event-feed.ts';
import { EventsModule } from '../events/events.module.ts';
import { HostsModule } from '../hosts/hosts.module.ts';
import { InventoryModule } from '../inventory/inventory.module.ts';
import { OperationsModule } from '../operations/operations.module.ts';
import { HostDrains } from './host-drains.ts';
import { HostJoinsController } from './host-joins.controller.ts';
import { HostJoins } from './host-joins.ts';
import { HostMembership } from './host-membership.ts';
import { HostRemovals } from './host-removals.ts';
import { Invitations } from './invitations.ts';

@Module({
  imports: [EventsModule, HostsModule, InventoryModule, OperationsModule],
  controllers: [HostJoinsController],
  providers: [HostDrains, HostJoins, HostMembership, HostRemovals, Invitations],
})
export class HostJoinsModule {
  constructor(feed: EventFeed, removals: HostRemovals) {
    feed.add(removals);
  }
}
