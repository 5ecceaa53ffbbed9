import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiProblem, problemIn, type Client } from '@polyvirt/api-client';
import { UsageError } from './declaration.ts';
import { isLost } from './exit-codes.ts';

/** What is sent at once: so much is in memory, and at most so much is sent again after an interruption. */
const partBytes = 8 * 2 ** 20;
const mostBarren = 30;
const tus = { 'tus-resumable': '1.0.0' } as const;

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
export async function upload(client: Client, path: string, options: UploadOptions): Promise<Uploaded> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${path} cannot be read (${error.code}).`);
  });
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new UsageError(`${path} is no file.`);
    return await new Sending(client, file, stats.size, options).run(basename(path));
  } finally {
    await file.close();
  }
}

class Sending {
  readonly #hash = createHash('sha256');
  #hashed = 0;
  #offset = 0;
  readonly #buffer: Buffer;

  constructor(
    private readonly client: Client,
    private readonly file: FileHandle,
    private readonly bytes: number,
    private readonly options: UploadOptions,
  ) {
    this.#buffer = Buffer.alloc(Math.max(1, Math.min(options.partBytes ?? partBytes, bytes)));
  }

  async run(name: string): Promise<Uploaded> {
    const id = await this.#begin(name);
    for (let barren = 0; this.#offset < this.bytes;) {
      const before = this.#offset;
      try {
        await this.#send(id);
      } catch (error) {
        if (!mayPass(error) || barren >= mostBarren) throw error;
        await sleep(this.options.pauseMs ?? 1_000);
        await this.#lookUp(id).catch((again: unknown) => {
          if (!mayPass(again)) throw again;
        });
      }
      barren = this.#offset > before ? 0 : barren + 1;
      this.options.onProgress(this.#offset, this.bytes);
    }
    return { id, sha256: this.#hash.digest('hex') };
  }

  async #begin(name: string): Promise<string> {
    const metadata = `filename ${Buffer.from(name).toString('base64')}`;
    const headers = { ...tus, 'upload-length': String(this.bytes), 'upload-metadata': metadata };
    const response = await this.#ask('POST', '/api/v1/uploads', headers);
    return ((await response.json()) as { id: string }).id;
  }

  async #send(id: string): Promise<void> {
    const { bytesRead } = await this.file.read(this.#buffer, 0, this.#buffer.length, this.#offset);
    if (bytesRead === 0) throw new UsageError('The file has become shorter while it was sent.');
    const part = this.#buffer.subarray(0, bytesRead);
    this.#hash.update(part.subarray(Math.max(0, this.#hashed - this.#offset)));
    this.#hashed = Math.max(this.#hashed, this.#offset + bytesRead);
    const headers = {
      ...{ ...tus, 'content-type': 'application/offset+octet-stream' },
      'upload-offset': String(this.#offset),
    };
    const response = await this.#ask('PATCH', `/api/v1/uploads/${id}`, headers, part);
    this.#offset = offsetIn(response) ?? this.#offset + bytesRead;
  }

  /** By a GET, whose refusals say why; to a HEAD they have no body. */
  async #lookUp(id: string): Promise<void> {
    const { data } = await this.client.GET('/api/v1/uploads/{uploadId}', { params: { path: { uploadId: id } } });
    this.#offset = data.receivedBytes;
  }

  async #ask(method: string, path: string, headers: Record<string, string>, body?: Buffer): Promise<Response> {
    const init = { method, headers, ...(body && { body: new Uint8Array(body) }) };
    const response = await this.client.send(new Request(this.client.url + path, init));
    if (!response.ok) throw await problemIn(response);
    return response;
  }
}

function offsetIn({ headers }: Response): number | undefined {
  const text = headers.get('upload-offset');
  return text === null ? undefined : Number(text);
}

/** The gateway is away or busy, or has more or less of the file than was thought. */
const mayPass = (error: unknown): boolean =>
  isLost(error) || (error instanceof ApiProblem && (error.retryable || error.code === 'wrong-state'));
