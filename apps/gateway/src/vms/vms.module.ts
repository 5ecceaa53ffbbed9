import { Module } from '@nestjs/common';
import { HostsModule } from '../hosts/hosts.module.ts';
import { InventoryModule } from '../inventory/inventory.module.ts';
import { OperationsModule } from '../operations/operations.module.ts';
import { BatchRunner } from './batch-runner.ts';
import { Batches } from './batches.ts';
import { Retries } from './retries.ts';
import { VmBatchController } from './vm-batch.controller.ts';
import { VmCommands } from './vm-commands.ts';
import { VmEditController } from './vm-edit.controller.ts';
import { VmEdits } from './vm-edits.ts';
import { VmPowerController } from './vm-power.controller.ts';
import { VmQueryController } from './vm-query.controller.ts';
import { VmRequests } from './vm-requests.ts';
import { VmSnapshotController } from './vm-snapshot.controller.ts';
import { VmQueries } from './vm.queries.ts';

@Module({
  imports: [InventoryModule, HostsModule, OperationsModule],
  controllers: [VmBatchController, VmQueryController, VmEditController, VmPowerController, VmSnapshotController],
  providers: [BatchRunner, Batches, Retries, VmCommands, VmEdits, VmQueries, VmRequests],
  exports: [VmCommands],
})
export class VmsModule {}
