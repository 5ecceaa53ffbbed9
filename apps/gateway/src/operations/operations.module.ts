import { Module } from '@nestjs/common';
import { EventFeed } from '../events/event-feed.ts';
import { EventsModule } from '../events/events.module.ts';
import { OperationReplays } from '../idempotency/operation-replays.ts';
import { HostsModule } from '../hosts/hosts.module.ts';
import { InventoryModule } from '../inventory/inventory.module.ts';
import { Arbiter } from './arbiter.ts';
import { CommandSecrets } from './command-secrets.ts';
import { LostOperations } from './lost-operations.ts';
import { OperationEndings } from './operation-endings.ts';
import { OperationEvents } from './operation-events.ts';
import { OperationSweeper } from './operation-sweeper.ts';
import { OperationController } from './operation.controller.ts';
import { OperationWaiter } from './operation-waiter.ts';
import { AnswersOperation } from './operation.interceptor.ts';
import { OperationProjector } from './operation.projector.ts';
import { OperationQueries } from './operation.queries.ts';
import { Operations } from './operations.ts';

@Module({
  imports: [InventoryModule, EventsModule, HostsModule],
  controllers: [OperationController],
  providers: [
    AnswersOperation,
    Arbiter,
    CommandSecrets,
    LostOperations,
    OperationEndings,
    OperationEvents,
    OperationProjector,
    OperationQueries,
    OperationSweeper,
    OperationWaiter,
    Operations,
  ],
  exports: [
    AnswersOperation,
    CommandSecrets,
    OperationEndings,
    OperationEvents,
    OperationQueries,
    OperationWaiter,
    Operations,
  ],
})
export class OperationsModule {
  constructor(feed: EventFeed, projector: OperationProjector, queries: OperationQueries, replays: OperationReplays) {
    feed.add(projector);
    replays.use(async (id) => {
      const operation = await queries.find(id);
      return operation && { status: 202, body: operation };
    });
  }
}
