import { Readable } from 'node:stream';
import { ProblemError } from '@polyvirt/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { NewUpload, StoredUpload } from './upload-files.ts';

/** https://tus.io/protocols/resumable-upload */
export const tusVersion = '1.0.0';
const extensions = 'creation,expiration,termination';
const longestFileName = 255;

/** Throws `version-not-supported` for a client that speaks another version, or none. */
export function requireTus({ headers }: FastifyRequest): void {
  if (headers['tus-resumable'] === tusVersion) return;
  throw new ProblemError(
    'version-not-supported',
    `Uploads follow the protocol of https://tus.io: send the header Tus-Resumable: ${tusVersion}.`,
  );
}

/** Throws `unsupported-media-type` for a part that is anything but bytes. */
export function bytesOf({ body }: FastifyRequest): Readable {
  if (body instanceof Readable) return body;
  throw new ProblemError('unsupported-media-type', 'Send the part as `application/offset+octet-stream`.');
}

/** A header that is a number of bytes. Throws `invalid-input`. */
export function bytesIn({ headers }: FastifyRequest, name: 'Upload-Length' | 'Upload-Offset'): number {
  const text = headers[name.toLowerCase()];
  const value = typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  if (value !== undefined) return value;
  throw headerFault(name, 'It is a number of bytes.');
}

/** What the client says of the file, by `Upload-Metadata: filename <base64>`. Throws `invalid-input` for what is no such list. */
export function metadataIn({ headers }: FastifyRequest): Pick<NewUpload, 'fileName' | 'metadata'> {
  const text = headers['upload-metadata'];
  if (text === undefined || text === '') return {};
  const metadata = String(text);
  const fileName = fileNameIn(metadata);
  return { metadata, ...(fileName !== undefined && { fileName }) };
}

function fileNameIn(metadata: string): string | undefined {
  const pairs = metadata.split(',').map((pair) => /^\s*([^\s,]+)(?: ([A-Za-z0-9+/]*={0,2}))?\s*$/.exec(pair));
  if (pairs.some((pair) => pair === null)) throw headerFault('Upload-Metadata', 'Its parts are `<key> <base64>`.');
  const value = pairs.find((pair) => pair![1] === 'filename')?.[2];
  if (value === undefined) return undefined;
  const name = Buffer.from(value, 'base64')
    .toString('utf8')
    .replaceAll(/\p{Cc}/gu, '');
  return name === '' ? undefined : name.slice(0, longestFileName).toWellFormed();
}

/** What every answer says, also one that refuses. */
export function answerTus(reply: FastifyReply, mostBytes: number): void {
  void reply.headers({
    'tus-resumable': tusVersion,
    'tus-version': tusVersion,
    'tus-extension': extensions,
    'tus-max-size': String(mostBytes),
  });
}

export function answerUpload(reply: FastifyReply, upload: StoredUpload): void {
  void reply.headers({
    'upload-offset': String(upload.receivedBytes),
    'upload-length': String(upload.bytes),
    'upload-expires': new Date(upload.expiresAt).toUTCString(),
    ...(upload.metadata !== undefined && { 'upload-metadata': upload.metadata }),
  });
}

const headerFault = (pointer: string, detail: string) =>
  new ProblemError('invalid-input', `The header ${pointer} is not valid. ${detail}`, { errors: [{ pointer, detail }] });
