import { VersioningType, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.ts';
import type { GatewayConfig } from './config.ts';
import type { Foundation } from './foundation.module.ts';
import { createAdapter } from './http/adapter.ts';
import { TlsFiles } from './http/tls.ts';
import { createLogger, NestLogger } from './logger.ts';
import { ApiDocument } from './openapi/api-document.ts';
import { createApiDocument } from './openapi/document.ts';
import { productionTimes } from './times.ts';

export interface GatewayOptions extends Foundation {
  /** Makes the routes and nothing behind them. */
  preview?: boolean;
  /** The parts beside the foundation; all of them unless told. */
  parts?: ModuleMetadata['imports'];
}

/** Builds the gateway; `listen` or `init` starts it. */
export async function createGateway(
  config: GatewayConfig,
  { preview = false, parts, ...foundation }: GatewayOptions = {},
): Promise<NestFastifyApplication> {
  const logger = createLogger(config.logLevel);
  const tls = TlsFiles.of(config);
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.with(config, logger, parts, { ...foundation, tls }),
    createAdapter(config, logger, { ...productionTimes, ...foundation.times }, tls),
    { logger: new NestLogger(logger), bodyParser: false, abortOnError: false, preview },
  );
  // A route is below /api/v1 unless it says otherwise.
  app.enableVersioning({ type: VersioningType.URI, prefix: 'api/v', defaultVersion: '1' });
  if (!preview) app.get(ApiDocument).offer(() => createApiDocument(app));
  return app;
}
