import { Body, Controller, Delete, Get, Param, Post, Query, UseInterceptors } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import {
  CommandOptions,
  createSnapshot,
  CreateSnapshotInput,
  deleteSnapshot,
  DeleteSnapshotQuery,
  pageOf,
  PageQuery,
  revertSnapshot,
  Snapshot,
  SnapshotId,
  VmId,
} from '@polyvirt/contracts';
import { Caller } from '../auth/caller.decorator.ts';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { Accepts } from '../http/accepts.decorator.ts';
import { MemoryLists } from '../http/memory-list.ts';
import { Inventory } from '../inventory/inventory.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { AnswersOperation } from '../operations/operation.interceptor.ts';
import { VmCommands } from './vm-commands.ts';

const SnapshotPage = pageOf(Snapshot, 'SnapshotPage');

@ApiTags('Snapshots')
@Controller('vms/:vmId/snapshots')
export class VmSnapshotController {
  constructor(
    private readonly commands: VmCommands,
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
    return this.lists.page(`snapshots of ${vmId}`, snapshots, ({ createdAt }) => createdAt, query);
  }

  @Post()
  @Accepts(createSnapshot)
  @UseInterceptors(AnswersOperation)
  create(
    @Param('vmId', { schema: VmId }) vmId: VmId,
    @Body({ schema: CreateSnapshotInput }) { whenOffline, notAfter, ...input }: CreateSnapshotInput,
    @Caller() author: Caller,
  ) {
    return this.commands.createSnapshot(vmId, input, { options: { whenOffline, notAfter }, author });
  }

  @Post(':snapshot/revert')
  @Accepts(revertSnapshot)
  @UseInterceptors(AnswersOperation)
  revert(
    @Param('vmId', { schema: VmId }) vmId: VmId,
    @Param('snapshot', { schema: SnapshotId }) snapshot: string,
    @Body({ schema: CommandOptions }) options: CommandOptions,
    @Caller() author: Caller,
  ) {
    return this.commands.revertSnapshot(vmId, { snapshot }, { options, author });
  }

  @Delete(':snapshot')
  @Accepts(deleteSnapshot)
  @UseInterceptors(AnswersOperation)
  delete(
    @Param('vmId', { schema: VmId }) vmId: VmId,
    @Param('snapshot', { schema: SnapshotId }) snapshot: string,
    @Query({ schema: DeleteSnapshotQuery }) { children, ...options }: DeleteSnapshotQuery,
    @Caller() author: Caller,
  ) {
    return this.commands.deleteSnapshot(vmId, { snapshot, children }, { options, author });
  }
}
