import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { ProblemError } from '@polyvirt/contracts';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { Gauge } from 'prom-client';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { LOGGER } from '../logger.ts';
import { TIMES, type GatewayTimes } from '../times.ts';
import { MetricsRegistry } from './metrics-registry.ts';

const mib = 1024 * 1024;
/** What is kept free times this is little, and told. */
const tellBelow = 4;

/** Watches the room in the folders where the services of this machine write. */
@Injectable()
export class FreeSpace implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly paths: readonly string[];
  private readonly keptMiB: number;
  private readonly free = new Map<string, number>();
  private readonly told = new Map<string, 'enough' | 'little' | 'none'>();
  private readonly gauge: Gauge;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(CONFIG) { databaseUrl, archivePath, spacePaths, spaceKeptMiB }: GatewayConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(TIMES) private readonly times: GatewayTimes,
    metrics: MetricsRegistry,
  ) {
    const database = databaseUrl.startsWith('sqlite:') ? [dirname(databaseUrl.slice('sqlite:'.length))] : [];
    this.paths = [...new Set([...database, ...(archivePath === undefined ? [] : [archivePath]), ...spacePaths])];
    this.keptMiB = spaceKeptMiB;
    this.gauge = new Gauge({
      name: 'polyvirt_free_space_bytes',
      help: 'Room in the file system of a folder that services write to.',
      labelNames: ['path'] as const,
      registers: [metrics.registry],
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.look();
    this.timer = setInterval(() => void this.look(), this.times.spaceLookMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Throws `insufficient-capacity` when there is not so much left that what is there already may need it. */
  requireRoom(): void {
    for (const [path, freeMiB] of this.free) {
      if (freeMiB >= this.keptMiB) continue;
      throw new ProblemError(
        'insufficient-capacity',
        `The disk of ${path} has ${freeMiB} MiB left, and ${this.keptMiB} MiB are kept free so that what runs goes on. ` +
          'Make room there; stop, cancel and delete work all the same.',
      );
    }
  }

  async look(): Promise<void> {
    await Promise.all(this.paths.map((path) => this.lookAt(path)));
  }

  private async lookAt(path: string): Promise<void> {
    try {
      const { bavail, bsize } = await statfs(path);
      this.gauge.set({ path }, bavail * bsize);
      const freeMiB = Math.floor((bavail * bsize) / mib);
      this.free.set(path, freeMiB);
      this.tell(path, freeMiB);
    } catch (err) {
      // What cannot be asked has no number; the last one says nothing either.
      if (this.free.delete(path)) this.logger.warn({ err, path }, 'the free space of a folder cannot be told');
      this.gauge.remove({ path });
    }
  }

  /** Once, when it becomes worse or better. */
  private tell(path: string, freeMiB: number): void {
    const now = freeMiB < this.keptMiB ? 'none' : freeMiB < tellBelow * this.keptMiB ? 'little' : 'enough';
    const before = this.told.get(path) ?? 'enough';
    this.told.set(path, now);
    if (now === before) return;
    const fields = { path, freeMiB, keptMiB: this.keptMiB };
    if (now === 'none') this.logger.error(fields, 'the disk is full: changes are refused until there is room');
    else if (now === 'little') this.logger.warn(fields, 'the disk is nearly full');
    else this.logger.info(fields, 'the disk has room again');
  }
}
