import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ProvidersStatus, StatsSummary } from '@polyvirt/contracts';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { Stats } from './stats.ts';

@ApiTags('Statistics')
@Controller()
export class StatsController {
  constructor(private readonly stats: Stats) {}

  @Get('stats/summary')
  @RequirePermission('vm:read')
  @Answers({ id: 'getSummary', summary: 'The numbers of a dashboard.', schema: StatsSummary })
  summary(): StatsSummary {
    return this.stats.summary();
  }

  @Get('providers/status')
  @RequirePermission('host:read')
  @Answers({ id: 'getProvidersStatus', summary: 'The state of each hypervisor.', schema: ProvidersStatus })
  providers(): ProvidersStatus {
    return this.stats.providers();
  }
}
