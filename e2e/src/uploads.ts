import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { problemIn, sendUpload, type Client } from '@polyvirt/api-client';

const tus = { 'tus-resumable': '1.0.0' };
const mostBytes = 8 * 2 ** 20;

async function ask(client: Client, method: string, path: string, headers: Record<string, string>, body?: Uint8Array) {
  const init = { method, headers: { ...tus, ...headers }, ...(body && { body: new Uint8Array(body) }) };
  const response = await client.send(new Request(client.url + path, init));
  if (!response.ok) throw await problemIn(response);
  return response;
}

/** A file that is uploaded by the tus protocol, as much of it at a time as a test wants. */
export class UploadedFile {
  private constructor(
    private readonly client: Client,
    readonly id: string,
    private readonly content: Buffer,
  ) {}

  static async begin(client: Client, content: Buffer): Promise<UploadedFile> {
    const response = await ask(client, 'POST', '/api/v1/uploads', { 'upload-length': String(content.length) });
    return new UploadedFile(client, ((await response.json()) as { id: string }).id, content);
  }

  /** Sends all of it. */
  static async send(client: Client, content: Buffer): Promise<UploadedFile> {
    const file = await UploadedFile.begin(client, content);
    await file.sendUpTo(content.length);
    return file;
  }

  get sha256(): string {
    return createHash('sha256').update(this.content).digest('hex');
  }

  /** How much of it the gateway has. */
  async offset(): Promise<number> {
    return (await this.#read()).receivedBytes;
  }

  /** How long the gateway keeps it. */
  async livesMs(): Promise<number> {
    return Date.parse((await this.#read()).expiresAt) - Date.now();
  }

  /** Sends what the gateway does not have up to there. */
  async sendUpTo(end: number): Promise<void> {
    for (let offset = await this.offset(); offset < end;) {
      const part = this.content.subarray(offset, Math.min(end, offset + mostBytes));
      const headers = { 'content-type': 'application/offset+octet-stream', 'upload-offset': String(offset) };
      offset = Number((await ask(this.client, 'PATCH', this.#path, headers, part)).headers.get('upload-offset'));
    }
  }

  async #read() {
    return (await this.client.GET('/api/v1/uploads/{uploadId}', { params: { path: { uploadId: this.id } } })).data;
  }

  get #path(): string {
    return `/api/v1/uploads/${this.id}`;
  }
}

/** Uploads a file; answers what an image is made from. */
export async function uploadFile(client: Client, path: string): Promise<{ upload: string; sha256: string }> {
  const file = await open(path);
  try {
    const hash = createHash('sha256');
    for await (const chunk of file.createReadStream({ start: 0, autoClose: false })) hash.update(chunk as Buffer);
    const upload = await sendUpload(client, {
      name: basename(path),
      bytes: (await file.stat()).size,
      read: async (offset, length) => {
        const part = Buffer.alloc(length);
        await file.read(part, 0, length, offset);
        return part;
      },
    });
    return { upload, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}
