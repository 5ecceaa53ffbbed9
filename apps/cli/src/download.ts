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
  if (to === undefined) return writeOut(response);
  const body = bodyOf(response);
  const draft = `${to}.part`;
  try {
    await pipeline(body, createWriteStream(draft));
    await rename(draft, to);
  } catch (error) {
    const { syscall, code } = error as NodeJS.ErrnoException;
    throw syscall === undefined ? error : new UsageError(`${to} cannot be written (${code}).`);
  } finally {
    await rm(draft, { force: true }).catch(() => undefined);
  }
}

const bodyOf = ({ body }: Response) => Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]);

/** Writes what is answered to standard output, byte by byte and as it comes. */
export const writeOut = (response: Response): Promise<void> =>
  pipeline(bodyOf(response), process.stdout, { end: false });
