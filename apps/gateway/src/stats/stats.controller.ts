import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ProvidersStatus, StatsSummary, VmFilterQuery } from '@polyvirt/contracts';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { Stats } from './stats.ts';

@ApiTags('Statistics')
@Controller()
export class StatsController {
  constructor(private readonly stats: Stats) {}

  @Get('stats/summary')
  @RequirePermission('vm:read')
  @Answers({
    id: 'getSummary',
    summary: 'The numbers of a dashboard.',
    description:
      'The filters are those of `GET /vms`: VMs that fit are counted, with their operations, and the hosts that fit `host` ' +
      'and `hypervisor`.',
    schema: StatsSummary,
  })
  summary(@Query({ schema: VmFilterQuery }) filter: VmFilterQuery): StatsSummary {
    return this.stats.summary(filter);
  }

  @Get('providers/status')
  @RequirePermission('host:read')
  @Answers({ id: 'getProvidersStatus', summary: 'The state of each hypervisor.', schema: ProvidersStatus })
  providers(): ProvidersStatus {
    return this.stats.providers();
  }
}
