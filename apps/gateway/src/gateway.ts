import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.ts';
import type { GatewayConfig } from './config.ts';
import { createAdapter } from './http/adapter.ts';
import { createLogger, NestLogger } from './logger.ts';

/** Builds the gateway; `listen` or `init` starts it. A preview has its routes and nothing behind them. */
export async function createGateway(config: GatewayConfig, { preview = false } = {}): Promise<NestFastifyApplication> {
  const logger = createLogger(config.logLevel);
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.with(config, logger),
    createAdapter(config, logger),
    { logger: new NestLogger(logger), bodyParser: false, abortOnError: false, preview },
  );
  app.setGlobalPrefix('api/v1', { exclude: ['healthz', 'readyz', 'metrics', 'docs', 'docs/*path'] });
  return app;
}
