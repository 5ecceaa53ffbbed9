import { Inject, Injectable } from '@nestjs/common';
import { ProblemError } from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { LOGGER } from '../logger.ts';

/** Resolves when the part works, and else throws. The message of a `ProblemError` is shown; any other goes to the log. */
export type ReadinessCheck = () => Promise<void> | void;

/** What has to work before requests are welcome. Each part adds its own check. */
@Injectable()
export class Readiness {
  private readonly checks = new Map<string, ReadinessCheck>();
  private readonly logger: Logger;

  constructor(@Inject(LOGGER) logger: Logger) {
    this.logger = logger;
  }

  add(name: string, check: ReadinessCheck): void {
    this.checks.set(name, check);
  }

  /** Every part by name: `ok`, or what is wrong with it. */
  async look(): Promise<Record<string, string>> {
    const looks = [...this.checks].map(async ([name, check]) => {
      try {
        await check();
        return [name, 'ok'] as const;
      } catch (error) {
        if (error instanceof ProblemError) return [name, error.message] as const;
        this.logger.warn({ err: error, part: name }, 'a part is not ready');
        return [name, 'does not answer'] as const;
      }
    });
    return Object.fromEntries(await Promise.all(looks));
  }
}
