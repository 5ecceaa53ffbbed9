import { Module } from '@nestjs/common';
import { HostsModule } from '../hosts/hosts.module.ts';
import { InventoryModule } from '../inventory/inventory.module.ts';
import { OperationsModule } from '../operations/operations.module.ts';
import { UploadsModule } from '../uploads/uploads.module.ts';
import { BatchRunner } from './batch-runner.ts';
import { Batches } from './batches.ts';
import { commandControllers } from './command.controllers.ts';
import { Commands } from './commands.ts';
import { Retries } from './retries.ts';
import { VmBatchController } from './vm-batch.controller.ts';
import { VmQueryController } from './vm-query.controller.ts';
import { VmSnapshotController } from './vm-snapshot.controller.ts';
import { VmQueries } from './vm.queries.ts';

@Module({
  imports: [InventoryModule, HostsModule, OperationsModule, UploadsModule],
  controllers: [VmBatchController, VmQueryController, VmSnapshotController, ...commandControllers()],
  providers: [BatchRunner, Batches, Commands, Retries, VmQueries],
  exports: [Commands],
})
export class VmsModule {}
