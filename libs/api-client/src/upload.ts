import type { Client } from './client.ts';
import { pause } from './pause.ts';
import { ApiProblem, problemIn } from './problem.ts';

/** What is sent at once: so much is in memory, and at most so much is sent again after an interruption. */
const partBytes = 8 * 2 ** 20;
/** Tries without a byte that arrives in between: about four minutes, in which a gateway is restarted. */
const mostBarren = 30;
const longestPause = 8;
const tus = { 'tus-resumable': '1.0.0' } as const;

export interface UploadSource {
  readonly name: string;
  readonly bytes: number;
  /** What begins at `offset`, `length` bytes of it. What it throws ends the upload. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

export interface UploadOptions {
  /** Of an upload that is continued; another one is begun without it. */
  readonly id?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onBegun?: ((id: string) => void) | undefined;
  /** Called with what the gateway has, after every part. */
  readonly onProgress?: ((sentBytes: number) => void) | undefined;
  /** Before the first try after an interruption; before later ones up to eight times as long. */
  readonly pauseMs?: number | undefined;
  readonly partBytes?: number | undefined;
}

/**
 * Sends a file in parts, by the tus protocol, and continues where the gateway is when it was away. Resolves with the id of the
 * upload when all of it is there. Throws an `ApiProblem`, what `read` throws, and the reason of the signal.
 */
export async function sendUpload(client: Client, source: UploadSource, options: UploadOptions = {}): Promise<string> {
  return new Sending(client, source, options).run();
}

class Sending {
  #offset = 0;

  constructor(
    private readonly client: Client,
    private readonly source: UploadSource,
    private readonly options: UploadOptions,
  ) {}

  async run(): Promise<string> {
    const { signal, pauseMs = 1_000, onBegun, onProgress } = this.options;
    const id = this.options.id ?? (await this.#begin());
    if (this.options.id === undefined) onBegun?.(id);
    else await this.#lookUp(id);
    onProgress?.(this.#offset);
    for (let barren = 0; this.#offset < this.source.bytes;) {
      const before = this.#offset;
      const length = Math.min(this.options.partBytes ?? partBytes, this.source.bytes - before);
      const part = await this.source.read(before, length);
      try {
        await this.#send(id, part);
      } catch (error) {
        if (signal?.aborted || !mayPass(error) || barren >= mostBarren) throw error;
        await pause(pauseMs * Math.min(longestPause, 2 ** barren), signal);
        await this.#lookUp(id).catch((again: unknown) => {
          if (signal?.aborted || !mayPass(again)) throw again;
        });
      }
      barren = this.#offset > before ? 0 : barren + 1;
      onProgress?.(this.#offset);
    }
    return id;
  }

  async #begin(): Promise<string> {
    const { name, bytes } = this.source;
    const headers = { ...tus, 'upload-length': String(bytes), 'upload-metadata': `filename ${base64(name)}` };
    const response = await this.#ask('POST', '/api/v1/uploads', headers);
    return ((await response.json()) as { id: string }).id;
  }

  async #send(id: string, part: Uint8Array<ArrayBuffer>): Promise<void> {
    const headers = {
      ...{ ...tus, 'content-type': 'application/offset+octet-stream' },
      'upload-offset': String(this.#offset),
    };
    const response = await this.#ask('PATCH', `/api/v1/uploads/${id}`, headers, part);
    this.#offset = offsetIn(response) ?? this.#offset + part.length;
  }

  /** By a GET, whose refusals say why; to a HEAD they have no body. */
  async #lookUp(id: string): Promise<void> {
    const { signal } = this.options;
    const params = { path: { uploadId: id } };
    const { data } = await this.client.GET('/api/v1/uploads/{uploadId}', { params, ...(signal && { signal }) });
    this.#offset = data.receivedBytes;
  }

  async #ask(
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: Uint8Array<ArrayBuffer>,
  ): Promise<Response> {
    const { signal = null } = this.options;
    const init = { method, headers, signal, ...(body && { body }) };
    const response = await this.client.send(new Request(this.client.url + path, init));
    if (!response.ok) throw await problemIn(response);
    return response;
  }
}

function offsetIn({ headers }: Response): number | undefined {
  const text = headers.get('upload-offset');
  return text === null ? undefined : Number(text);
}

/** Of UTF-8, as the metadata of tus are. */
const base64 = (text: string): string =>
  btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(''));

/** The gateway is away or busy, or has more or less of the file than was thought. Without an answer `fetch` throws a TypeError. */
const mayPass = (error: unknown): boolean =>
  error instanceof ApiProblem
    ? error.retryable || error.code === 'wrong-state'
    : (error as { name?: unknown }).name === 'TypeError';
