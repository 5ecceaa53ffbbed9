import { z } from 'zod';
import { VmId } from '../ids.ts';
import { commandOptions } from '../operation/command-options.ts';
import { commands } from '../registry.ts';
import { vmFilter } from './vm-list.ts';

/** What a batch can ask of each VM: every command that is about one. */
const BatchAction = z.lazy(() => z.enum(commands.flatMap(({ batchAction }) => batchAction ?? [])));

export const BatchInput = z
  .strictObject({
    ids: z.array(VmId).min(1).max(1_000).optional(),
    filter: z.strictObject(vmFilter).optional(),
    action: BatchAction,
    params: z
      .record(z.string(), z.unknown())
      .default({})
      .describe('What the single call has in its body, its query, and its path after the id of the VM.'),
    maxParallel: z.int().min(1).max(100).default(10),
    onError: z.enum(['continue', 'stop']).default('continue'),
    whenOffline: commandOptions.whenOffline,
  })
  .refine((input) => (input.ids === undefined) !== (input.filter === undefined), {
    path: ['ids'],
    error: 'Give either ids or a filter.',
  })
  .meta({ id: 'BatchInput' });
export type BatchInput = z.infer<typeof BatchInput>;
