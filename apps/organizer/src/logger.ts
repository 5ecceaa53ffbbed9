import type { LoggerService } from '@nestjs/common';
import { logOutput } from '@polyvirt/config';
import { pino, type Logger } from 'pino';

/** JSON lines on stdout. */
export const createLogger = (level: string): Logger => pino({ name: 'organizer', level }, logOutput());

/** Nest's own lines, and those of the libraries that log through Nest, among ours. */
export class NestLogger implements LoggerService {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  log(message: unknown, context?: unknown): void {
    this.#logger.info({ context }, String(message));
  }

  debug(message: unknown, context?: unknown): void {
    this.#logger.debug({ context }, String(message));
  }

  warn(message: unknown, context?: unknown): void {
    this.#logger.warn({ context }, String(message));
  }

  error(message: unknown, ...rest: unknown[]): void {
    const err = message instanceof Error ? message : undefined;
    this.#logger.error({ err, context: rest.at(-1) }, err?.message ?? String(message));
  }
}
