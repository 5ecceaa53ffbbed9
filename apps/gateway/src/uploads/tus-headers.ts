import { ProblemError } from '@polyvirt/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { StoredUpload } from './upload-files.ts';

/** https://tus.io/protocols/resumable-upload */
export const tusVersion = '1.0.0';
const extensions = 'creation,expiration,termination';
const longestFileName = 255;

/** Throws `invalid-input` for a client that speaks another version, or none. */
export function requireTus({ headers }: FastifyRequest): void {
  if (headers['tus-resumable'] === tusVersion) return;
  throw headerFault('Tus-Resumable', `It is ${tusVersion}: uploads follow the protocol of https://tus.io.`);
}

/** A header that is a number of bytes. Throws `invalid-input`. */
export function bytesIn({ headers }: FastifyRequest, name: 'Upload-Length' | 'Upload-Offset'): number {
  const text = headers[name.toLowerCase()];
  const value = typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  if (value !== undefined) return value;
  throw headerFault(name, 'It is a number of bytes.');
}

/** What the client calls the file, by `Upload-Metadata: filename <base64>`. Throws `invalid-input` for what is no such list. */
export function fileNameIn({ headers }: FastifyRequest): string | undefined {
  const text = headers['upload-metadata'];
  if (text === undefined || text === '') return undefined;
  const pairs = String(text)
    .split(',')
    .map((pair) => /^\s*([^\s,]+)(?: ([A-Za-z0-9+/]*={0,2}))?\s*$/.exec(pair));
  if (pairs.some((pair) => pair === null)) throw headerFault('Upload-Metadata', 'Its parts are `<key> <base64>`.');
  const value = pairs.find((pair) => pair![1] === 'filename')?.[2];
  if (value === undefined) return undefined;
  const name = Buffer.from(value, 'base64')
    .toString('utf8')
    .replaceAll(/\p{Cc}/gu, '');
  return name === '' ? undefined : name.slice(0, longestFileName).toWellFormed();
}

/** What every answer about an upload says. */
export function answerTus(reply: FastifyReply, mostBytes: number, upload?: StoredUpload): void {
  void reply.headers({
    'tus-resumable': tusVersion,
    'tus-version': tusVersion,
    'tus-extension': extensions,
    'tus-max-size': String(mostBytes),
  });
  if (!upload) return;
  void reply.headers({
    'upload-offset': String(upload.receivedBytes),
    'upload-length': String(upload.bytes),
    'upload-expires': new Date(upload.expiresAt).toUTCString(),
  });
}

const headerFault = (pointer: string, detail: string) =>
  new ProblemError('invalid-input', `The header ${pointer} is not valid. ${detail}`, { errors: [{ pointer, detail }] });
