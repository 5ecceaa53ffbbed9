import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { pageOf, PageQuery, Snapshot, VmId } from '@polyvirt/contracts';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { MemoryLists } from '../http/memory-list.ts';
import { Inventory } from '../inventory/inventory.ts';
import { Answers } from '../openapi/answers.decorator.ts';

const SnapshotPage = pageOf(Snapshot, 'SnapshotPage');

@ApiTags('Snapshots')
@Controller('vms/:vmId/snapshots')
export class VmSnapshotController {
  constructor(
    private readonly inventory: Inventory,
    private readonly lists: MemoryLists,
  ) {}

  @Get()
  @RequirePermission('vm:read')
  @Answers({
    id: 'listSnapshots',
    summary: 'The snapshots of a VM, oldest first; `parent` makes them a tree.',
    schema: SnapshotPage,
    problems: ['vm-not-found'],
  })
  list(@Param('vmId', { schema: VmId }) vmId: VmId, @Query({ schema: PageQuery }) query: PageQuery) {
    const { snapshots } = this.inventory.require(vmId).record;
    return this.lists.page(`snapshots of ${vmId}`, snapshots, ({ createdAt }) => createdAt ?? '', query);
  }
}
