import { ProblemError } from '@polyvirt/contracts';
import { QueryFailedError } from 'typeorm';

function codeOf(error: unknown): string {
  const thrown: unknown = error instanceof QueryFailedError ? error.driverError : error;
  return String((thrown as { code?: unknown } | undefined)?.code ?? '');
}

const duplicates = new Set(['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY', 'ER_DUP_ENTRY']);
const contention = new Set(['SQLITE_BUSY', 'SQLITE_BUSY_SNAPSHOT', 'ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT']);
/** Also of a file that the gateway itself writes. */
const full = new Set(['SQLITE_FULL', 'ER_DISK_FULL', 'ER_RECORD_FILE_FULL', 'ENOSPC', 'EDQUOT']);
/** The server is not there, or lets nobody in now. Of sockets only what the database driver itself reports counts. */
const away = new Set([
  ...['PROTOCOL_CONNECTION_LOST', 'ER_CON_COUNT_ERROR', 'ER_SERVER_SHUTDOWN', 'ER_TOO_MANY_USER_CONNECTIONS'],
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH'],
]);

/** Whether a row with the same unique value was there first. */
export const isDuplicate = (error: unknown): boolean => duplicates.has(codeOf(error));

/** Whether the same transaction may succeed when it is run again. */
export const isContention = (error: unknown): boolean => contention.has(codeOf(error));

/** What a failure means that is neither a bug nor the caller's fault: it has a cause outside, and ends with it. */
export function problemOfStorage(error: unknown): ProblemError | undefined {
  // What is one already has a code of another kind.
  if (error instanceof ProblemError) return undefined;
  const code = codeOf(error);
  if (full.has(code))
    return new ProblemError(
      'insufficient-capacity',
      'The disk that the gateway or its database writes to is full, and nothing was changed. Make room there, then ask again.',
      { cause: error },
    );
  if (contention.has(code))
    return new ProblemError(
      'unavailable',
      'Another program holds the lock of the database, a backup perhaps, and nothing was changed. Ask again in a moment.',
      { cause: error },
    );
  if (away.has(code) && (error instanceof QueryFailedError || (error as { fatal?: unknown }).fatal === true))
    return new ProblemError('unavailable', 'The database does not answer now. Ask again in a moment.', {
      cause: error,
    });
  return undefined;
}
