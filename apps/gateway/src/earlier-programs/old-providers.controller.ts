import { Controller, Get, VERSION_NEUTRAL } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ProvidersStatus } from '@polyvirt/contracts';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { Stats } from '../stats/stats.ts';

/** The one route that the document of Auto-Creation-VM names. */
@ApiTags('Earlier programs')
@Controller({ version: VERSION_NEUTRAL })
export class OldProvidersController {
  constructor(private readonly stats: Stats) {}

  @Get('api/providers/status')
  @RequirePermission('host:read')
  @Answers({
    id: 'getOldProvidersStatus',
    summary: 'The state of each hypervisor, where Auto-Creation-VM had it.',
    schema: ProvidersStatus,
    deprecated: true,
  })
  providers(): ProvidersStatus {
    return this.stats.providers();
  }
}
