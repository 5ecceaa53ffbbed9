import { z } from 'zod';

/** Names that Windows keeps for devices, with any ending. https://learn.microsoft.com/windows/win32/fileio/naming-a-file */
const deviceName = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i;

/** File systems take 255 bytes, of which an ending takes some. */
const mostBytes = 240;

/** What a new image may be called. On most hosts it becomes the name of a file, so it is one that every file system takes. */
export const ImageName = z
  .string()
  .min(1)
  .max(80)
  .regex(
    /^[\p{L}\p{N}](?:[\p{L}\p{M}\p{N} ._()+-]*[\p{L}\p{M}\p{N})_+-])?$/u,
    'The name of an image begins with a letter or a digit; letters, digits, inner spaces and ._()+- may follow.',
  )
  .refine((name) => new TextEncoder().encode(name).length <= mostBytes, {
    error: `The name has at most ${mostBytes} bytes, as UTF-8.`,
  })
  .refine((name) => !deviceName.test(name), { error: 'Windows keeps this name for a device.' })
  .describe('What the image will be called on the host, without the ending of a file.');

/** Of an image that is there, whoever has named it. */
export const ImageRef = z.string().min(1).max(255).describe('Name of an image of the host.');

export const ImageKind = z.enum(['disk', 'iso']);
