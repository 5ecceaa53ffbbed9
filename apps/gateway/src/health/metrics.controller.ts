import { Controller, Get, Inject, Req, Res, VERSION_NEUTRAL } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ProblemError } from '@polyvirt/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Door } from '../auth/door.ts';
import { Public } from '../auth/permission.decorator.ts';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { MetricsRegistry } from './metrics-registry.ts';

const loopback = /^(?:127\.|::1$|::ffff:127\.)/;

@ApiTags('Health')
@Controller({ version: VERSION_NEUTRAL })
export class MetricsController {
  private readonly metrics: MetricsRegistry;
  private readonly door: Door;
  private readonly access: GatewayConfig['metricsAccess'];
  private readonly behindProxy: boolean;

  constructor(metrics: MetricsRegistry, door: Door, @Inject(CONFIG) config: GatewayConfig) {
    this.metrics = metrics;
    this.door = door;
    this.access = config.metricsAccess;
    this.behindProxy = config.trustProxy !== undefined;
  }

  @Get('metrics')
  @Public()
  @Answers({
    id: 'readMetrics',
    summary: 'Series for Prometheus.',
    description: 'Who may read them is the setting `POLYVIRT_METRICS_ACCESS`.',
    mediaType: 'text/plain',
    problems: ['unauthenticated', 'forbidden'],
  })
  async read(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    await this.admit(request);
    void reply.type(this.metrics.registry.contentType);
    return this.metrics.read();
  }

  private async admit(request: FastifyRequest): Promise<void> {
    if (this.access === 'open') return;
    if (this.access === 'loopback') {
      // Behind a proxy that we were not told of everybody seems to come from this machine.
      const forwarded = request.headers['x-forwarded-for'] ?? request.headers.forwarded;
      if (loopback.test(request.ip) && (forwarded === undefined || this.behindProxy)) return;
      throw new ProblemError('forbidden', 'Metrics are for this machine only; POLYVIRT_METRICS_ACCESS changes that.');
    }
    const principal = await this.door.identify(request, request);
    if (!principal.permissions.has('metrics:read')) {
      throw new ProblemError('forbidden', 'This needs the permission metrics:read.');
    }
  }
}
