import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { problemIn, type Client } from '@polyvirt/api-client';
import { UsageError } from './declaration.ts';

/** Writes what the path answers to standard output, or to a file, which is there when it is complete. */
export async function download(client: Client, path: string, to: string | undefined): Promise<void> {
  const response = await client.send(new Request(client.url + path));
  if (!response.ok) throw await problemIn(response);
  const body = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
  if (to === undefined) return pipeline(body, process.stdout, { end: false });
  const draft = `${to}.part`;
  try {
    await pipeline(body, createWriteStream(draft));
    await rename(draft, to);
  } catch (error) {
    const { syscall, code } = error as NodeJS.ErrnoException;
    throw syscall === undefined ? error : new UsageError(`${to} cannot be written (${code}).`);
  } finally {
    await rm(draft, { force: true });
  }
}
