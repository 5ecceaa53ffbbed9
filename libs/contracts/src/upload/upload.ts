import { z } from 'zod';
import { Timestamp } from '../ids.ts';

export const UploadId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{24}$/, 'The id of an upload is the 24 characters at the end of its address.')
  .describe('Id of an upload: the end of the `Location` that it was given.');
export type UploadId = z.infer<typeof UploadId>;

/** A file on its way to the gateway, or there. */
export const Upload = z
  .object({
    id: UploadId,
    bytes: z.int().nonnegative().describe('Of the whole file.'),
    receivedBytes: z.int().nonnegative().describe('What of it has come; the next part begins here.'),
    fileName: z.string().optional().describe('What the client calls it.'),
    createdAt: Timestamp,
    expiresAt: Timestamp.describe('It is deleted then, unless more of it comes, or an image is made of it, before.'),
  })
  .meta({ id: 'Upload' });
export type Upload = z.infer<typeof Upload>;

/** Header in which an agent shows that it may read an upload. */
export const uploadTicketHeader = 'polyvirt-upload-ticket';

/** Below the address of a gateway. */
export const uploadContentPath = (upload: UploadId): string => `/api/v1/uploads/${upload}/content`;
