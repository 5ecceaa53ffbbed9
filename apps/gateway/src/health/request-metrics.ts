import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { MetricsRegistry } from './metrics-registry.ts';

/** Measures every request by the pattern of its route; addresses themselves would make a series each. */
@Injectable()
export class RequestMetrics implements OnModuleInit {
  private readonly host: HttpAdapterHost;
  private readonly metrics: MetricsRegistry;

  constructor(host: HttpAdapterHost, metrics: MetricsRegistry) {
    this.host = host;
    this.metrics = metrics;
  }

  onModuleInit(): void {
    const server = this.host.httpAdapter.getInstance<FastifyInstance>();
    server.addHook('onResponse', (request, reply, done) => {
      const labels = {
        method: request.method,
        route: request.routeOptions.url ?? 'none',
        status: String(reply.statusCode),
      };
      this.metrics.requestSeconds.observe(labels, reply.elapsedTime / 1_000);
      done();
    });
  }
}
