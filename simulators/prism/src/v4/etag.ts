import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { V4Error } from './errors.ts';

/** Opaque to clients; like the real one it begins with the encoding of a media type. */
export const etagOf = (uuid: string, version: number): string =>
  Buffer.from(
    `application/json:${createHash('sha256').update(`${uuid}:${version}`).digest('hex').slice(0, 24)}`,
  ).toString('base64');

const FORM = /^(?:W\/)?"?[A-Za-z0-9+/]+={0,2}"?$/;
const bare = (value: string): string => value.replace(/^W\//, '').replaceAll('"', '');

/** @throws V4Error 428 for a missing header, 412 for one that is no ETag. @returns whether the header names the current version. */
export function ifMatch(request: FastifyRequest, current: string, required: boolean): boolean {
  const header = request.headers['if-match'];
  if (header === undefined || header === '') {
    if (!required) return true;
    throw new V4Error(428, 'PLAT-10004', 'MISSING_ETAG_HEADER', 'The If-Match header is required for this request.');
  }
  if (!FORM.test(header) || !Buffer.from(bare(header), 'base64').toString().startsWith('application/json'))
    throw new V4Error(412, 'PLAT-10005', 'INVALID_ETAG_HEADER', 'Invalid eTag header');
  return bare(header) === current;
}
