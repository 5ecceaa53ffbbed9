import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import type { Server } from 'node:https';
import type { Logger } from 'pino';
import { LOGGER } from '../logger.ts';
import { TIMES, type GatewayTimes } from '../times.ts';
import { TLS_FILES, TlsFiles } from './tls.ts';

/** Takes a certificate that was renewed, without a restart. */
@Injectable()
export class TlsRenewal implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private told: string | undefined;

  constructor(
    private readonly host: HttpAdapterHost,
    @Inject(TLS_FILES) private readonly files: TlsFiles | undefined,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(TIMES) private readonly times: GatewayTimes,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.files) return;
    this.tell(this.files.warning);
    this.timer = setInterval(() => this.look(), this.times.certificateLookMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    const { server } = this.host.httpAdapter.getInstance<FastifyInstance>();
    try {
      if (this.files!.renew(server as unknown as Server)) this.logger.info('shows the certificate that was renewed');
      this.tell(this.files!.warning);
    } catch (error) {
      this.tell(`${(error as Error).message} The one before is shown until then.`);
    }
  }

  /** Once each. */
  private tell(sentence: string | undefined): void {
    if (sentence !== undefined && sentence !== this.told) this.logger.warn(sentence);
    this.told = sentence;
  }
}
