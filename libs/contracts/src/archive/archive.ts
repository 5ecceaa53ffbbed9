import { z } from 'zod';
import { defineEvent } from '../define.ts';
import { Timestamp, VmId } from '../ids.ts';

/** The permanent folder of a VM, as `GET /archives` shows it. */
export const Archive = z
  .object({
    vmId: VmId,
    name: z.string().describe('Name of the VM when it was last seen.'),
    folder: z.string().describe('Name of the folder under the archive root: `2026-11-21_web-1`.'),
    path: z.string().describe('Absolute path on the host of the organizer.'),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    deletedAt: Timestamp.optional().describe('When the VM was deleted; the folder stays.'),
    files: z.array(z.object({ path: z.string().describe('Relative to the folder.'), bytes: z.int().nonnegative() })),
    history: z.array(
      z.object({
        at: Timestamp,
        event: z.string(),
        detail: z.string(),
        operationId: z.string().optional(),
        by: z.string().optional(),
      }),
    ),
  })
  .meta({ id: 'Archive' });
export type Archive = z.infer<typeof Archive>;

export const archiveUpdated = defineEvent({
  name: 'archive.updated',
  summary: 'The archive folder of a VM was written.',
  body: z.object({ archive: Archive }),
  publisher: 'organizer',
});
