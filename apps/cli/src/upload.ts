import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { sendUpload, type Client } from '@polyvirt/api-client';
import { UsageError } from './declaration.ts';

export interface Uploaded {
  readonly id: string;
  /** Of what was read here. */
  readonly sha256: string;
}

export interface UploadOptions {
  readonly onProgress: (sent: number, bytes: number) => void;
  /** Between an interruption and the next try. */
  readonly pauseMs?: number;
  readonly partBytes?: number;
}

/** Sends a file in parts, and continues where the gateway is when it was away. Memory does not grow with the file. */
export async function upload(
  client: Client,
  path: string,
  { onProgress, ...options }: UploadOptions,
): Promise<Uploaded> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${path} cannot be read (${error.code}).`);
  });
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new UsageError(`${path} is no file.`);
    const hash = createHash('sha256');
    let hashed = 0;
    const read = async (offset: number, length: number) => {
      const { bytesRead, buffer } = await file.read(new Uint8Array(length), 0, length, offset);
      if (bytesRead === 0) throw new UsageError('The file has become shorter while it was sent.');
      const part = buffer.subarray(0, bytesRead);
      // Some of it may have been read before.
      hash.update(part.subarray(Math.max(0, hashed - offset)));
      hashed = Math.max(hashed, offset + bytesRead);
      return part;
    };
    const source = { name: basename(path), bytes: stats.size, read };
    const id = await sendUpload(client, source, { ...options, onProgress: (sent) => onProgress(sent, stats.size) });
    return { id, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}
