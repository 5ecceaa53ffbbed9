import { Logger } from '@nestjs/common';
import type { Bus } from './connection.ts';
import { isPassing } from './faults.ts';
import { retry } from './retry.ts';

const log = new Logger('Bus');

export interface ServedOptions {
  readonly signal?: AbortSignal | undefined;
  /** Which errors are worth another try; by default those of a bus that is away. */
  readonly retryable?: (error: unknown) => boolean;
  /** For the log: `publishing on …`. */
  readonly what: string;
}

/** Makes a request of the server, again and again while it is away. The request has to be one that may be repeated. */
export const served = <Result>(
  bus: Bus,
  request: () => Promise<Result>,
  { signal, retryable = isPassing, what }: ServedOptions,
): Promise<Result> =>
  retry(
    async () => {
      await bus.whenConnected(signal);
      return bus.whileConnected(request());
    },
    {
      signal,
      retryable,
      onRetry: (error, attempt) => {
        if (attempt === 5) log.warn(`Still ${what}: ${(error as Error).message}`);
      },
    },
  );
