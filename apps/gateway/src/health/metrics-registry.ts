import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';

/** What `GET /metrics` shows. Parts register their own series on `registry`. */
@Injectable()
export class MetricsRegistry {
  readonly registry = new Registry();
  readonly requestSeconds = new Histogram({
    name: 'polyvirt_http_request_seconds',
    help: 'Time from a request to the end of its answer.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [this.registry],
  });

  private readonly texts: (() => string)[] = [];
  private readonly refreshers: (() => Promise<void> | void)[] = [];

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    // By its name such a gauge is a counter; what it adds up is there by type.
    for (const { name, type } of this.registry.getMetricsAsArray() as unknown as { name: string; type: string }[])
      if (type === 'gauge' && name.endsWith('_total')) this.registry.removeSingleMetric(name);
  }

  /** For series that are set when somebody reads them. */
  beforeRead(refresh: () => Promise<void> | void): void {
    this.refreshers.push(refresh);
  }

  /** For series that are too many to be kept as objects: `text` writes them anew for each reader. */
  addText(text: () => string): void {
    this.texts.push(text);
  }

  async read(): Promise<string> {
    await Promise.all(this.refreshers.map(async (refresh) => refresh()));
    return [await this.registry.metrics(), ...this.texts.map((text) => text())].join('\n');
  }
}
