import type { Bus } from './connection.ts';
import { readOrdered } from './ordered.ts';

/** Found in the header of what stands for a deleted key. */
export const operationHeader = 'KV-Operation';

/**
 * Takes away what a bucket keeps of keys that were deleted longer ago. A key that was made anew meanwhile stays.
 * Needs the credential of the gateway or the administrator.
 */
export async function forgetDeletedKeys(
  bus: Bus,
  stream: string,
  { olderThanMs, signal }: { olderThanMs: number; signal: AbortSignal },
): Promise<void> {
  const before = Date.now() - olderThanMs;
  const deleted: Array<{ subject: string; revision: number }> = [];
  const options = { stream, filter: '>', start: 'last-per-subject', headersOnly: true, signal } as const;
  for await (const item of readOrdered(bus, options)) {
    if (item === 'caught-up') break;
    if (item.headers?.has(operationHeader) && item.time.getTime() < before) {
      deleted.push({ subject: item.subject, revision: item.seq });
    }
  }
  for (const { subject, revision } of deleted) {
    await bus.manager.streams.purge(stream, { filter: subject, seq: revision + 1 });
  }
}
