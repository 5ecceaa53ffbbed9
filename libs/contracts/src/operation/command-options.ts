import { z } from 'zod';
import { Timestamp } from '../ids.ts';

/** How long a command may wait to begin when the caller says nothing, in seconds. */
export const defaultBeginWithinSeconds = 30;

/** What every asking body takes beside its own fields. */
export const commandOptions = {
  whenOffline: z
    .enum(['fail', 'queue'])
    .default('fail')
    .describe('`fail` answers 503 when the host is offline; `queue` waits for it until `notAfter`.'),
  notAfter: Timestamp.optional().describe(
    'The command begins before this or expires; by default 30 s from now. At most 24 h ahead.',
  ),
} as const;

export const CommandOptions = z.strictObject(commandOptions);
export type CommandOptions = z.infer<typeof CommandOptions>;
