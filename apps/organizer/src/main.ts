import 'reflect-metadata';
import { Logger as NestLog } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { connectBus } from '@polyvirt/bus';
import { loadConfig } from '@polyvirt/config';
import { Archive } from './archive/archive.ts';
import { organizerConfig } from './config.ts';
import { createLogger, NestLogger } from './logger.ts';
import { OrganizerModule } from './organizer.module.ts';

const config = loadConfig(organizerConfig);
const logger = createLogger(config.logLevel);
const nestLogger = new NestLogger(logger);
NestLog.overrideLogger(nestLogger);

const archive = await Archive.open(config.archivePath, logger);
const bus = await connectBus({
  url: config.natsUrl,
  credentials: config.natsCredentials,
  tls: config.natsCa === undefined ? undefined : { caFile: config.natsCa },
  name: 'organizer',
});
const app = await NestFactory.createApplicationContext(
  OrganizerModule.of({ bus, archive, logger, lifeFile: config.lifeFile }),
  {
    logger: nestLogger,
  },
);
app.enableShutdownHooks();
