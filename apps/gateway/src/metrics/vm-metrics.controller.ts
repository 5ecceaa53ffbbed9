import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Metrics, MetricsHistory, RecentMetrics, VmId } from '@polyvirt/contracts';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { HistoryQuery, RecentQuery } from './history-range.ts';
import { VmMetrics } from './vm-metrics.ts';

@ApiTags('Metrics')
@Controller()
@RequirePermission('metrics:read')
export class VmMetricsController {
  constructor(private readonly metrics: VmMetrics) {}

  @Get('vms/:vmId/metrics')
  @Answers({
    id: 'getMetrics',
    summary: 'The last reading of a VM.',
    schema: Metrics,
    problems: ['vm-not-found', 'wrong-state', 'metrics-not-found'],
  })
  present(@Param('vmId', { schema: VmId }) vmId: VmId): Metrics {
    return this.metrics.present(vmId);
  }

  @Get('vms/:vmId/metrics/history')
  @Answers({
    id: 'getMetricsHistory',
    summary: 'Readings of a VM over time. A step without readings has no point.',
    schema: MetricsHistory,
    problems: ['vm-not-found'],
  })
  history(
    @Param('vmId', { schema: VmId }) vmId: VmId,
    @Query({ schema: HistoryQuery }) query: HistoryQuery,
  ): Promise<MetricsHistory> {
    return this.metrics.history(vmId, query);
  }

  @Get('metrics/recent')
  @Answers({
    id: 'getRecentMetrics',
    summary: 'The last 15 minutes of several VMs at once. A step without readings has no point.',
    schema: RecentMetrics,
  })
  recent(@Query({ schema: RecentQuery }) query: RecentQuery): RecentMetrics {
    return this.metrics.recent(query);
  }
}
