import { z } from 'zod';
import { defineCommand } from '../command/define-command.ts';
import { secret } from '../secret.ts';
import { UploadId } from '../upload/upload.ts';
import { ImageKind, ImageName, ImageRef } from './image-name.ts';
import { ImageUrl, Sha256 } from './image-source.ts';

export const createImage = defineCommand({
  verb: 'image.create',
  summary:
    'Add an image to a host: its agent fetches it by its address, or takes a file that was uploaded to `/api/v1/uploads`, checks it, and finds out by its content what it is. A download that was interrupted is continued.',
  route: 'POST /hosts/{hostId}/images',
  permission: 'vm:create',
  locks: ['image'],
  input: { name: ImageName, url: ImageUrl.optional(), upload: UploadId.optional(), sha256: Sha256.optional() },
  added: { ticket: secret(z.string()).optional().describe('By which the agent may read the upload.') },
  rule: [
    ({ url, upload }) => (url === undefined) !== (upload === undefined),
    { path: ['url'], error: 'Give either the address of the image or an upload.' },
  ],
  needs: ({ upload }) => [upload === undefined ? 'images.fromUrl' : 'images.fromUpload'],
  outline: ({ name }) => ({ changes: [{ pointer: '', to: { name }, when: 'now' }] }),
  asksHost: true,
  limitSeconds: 6 * 3_600,
  problems: ['name-taken', 'upload-not-found', 'wrong-state', 'insufficient-capacity'],
});

export const deleteImage = defineCommand({
  verb: 'image.delete',
  summary: 'Delete an image of a host. One that a VM needs is refused.',
  route: 'DELETE /hosts/{hostId}/images/{image}',
  permission: 'vm:delete',
  locks: ['image'],
  input: {
    image: ImageRef,
    kind: ImageKind.optional().describe('Needed when a disk image and an ISO image have this name.'),
  },
  needs: () => ['images.delete'],
  outline: ({ image }) => ({
    changes: [{ pointer: '', from: { name: image }, when: 'now' }],
    disruption: 'data-loss',
  }),
  asksHost: true,
  limitSeconds: 1_800,
  problems: ['image-not-found', 'image-in-use', 'name-ambiguous'],
});

/** What a driver is told of an image that is to go. */
export const DeleteImage = deleteImage.input;
export type DeleteImage = (typeof DeleteImage)['_output'];
