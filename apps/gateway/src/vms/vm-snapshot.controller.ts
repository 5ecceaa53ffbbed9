import { Controller, Get, Param } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { pageOf, Snapshot, VmId } from '@polyvirt/contracts';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { Inventory } from '../inventory/inventory.ts';
import { Answers } from '../openapi/answers.decorator.ts';

const SnapshotPage = pageOf(Snapshot, 'SnapshotPage');

@ApiTags('Snapshots')
@Controller('vms/:vmId/snapshots')
export class VmSnapshotController {
  constructor(private readonly inventory: Inventory) {}

  @Get()
  @RequirePermission('vm:read')
  @Answers({
    id: 'listSnapshots',
    summary: 'The snapshots of a VM; `parent` makes them a tree.',
    schema: SnapshotPage,
    problems: ['vm-not-found'],
  })
  list(@Param('vmId', { schema: VmId }) vmId: VmId) {
    return { items: this.inventory.require(vmId).record.snapshots };
  }
}
