import type { LoggerService } from '@nestjs/common';
import { logOutput } from '@polyvirt/config';
import { pino, type Logger } from 'pino';

/** Injection token of the root pino logger. */
export const LOGGER = Symbol('LOGGER');

/** JSON lines on stdout; what could be a credential is never written. */
export function createLogger(level: string): Logger {
  const redact = ['req.headers.authorization', '*.password', '*.secret', '*.refreshToken', '*.accessToken'];
  return pino({ name: 'gateway', level, redact }, logOutput());
}

/** Nest's own lines, among ours. */
export class NestLogger implements LoggerService {
  private readonly logger: Logger;

  constructor(logger: Logger) {
    this.logger = logger;
  }

  log(message: unknown, ...rest: unknown[]) {
    this.logger.debug({ context: rest.at(-1) }, String(message));
  }

  warn(message: unknown, ...rest: unknown[]) {
    this.logger.warn({ context: rest.at(-1) }, String(message));
  }

  error(message: unknown, ...rest: unknown[]) {
    this.logger.error(
      { err: message instanceof Error ? message : undefined, context: rest.at(-1), detail: rest },
      String(message),
    );
  }
}
