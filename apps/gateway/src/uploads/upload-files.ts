import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ProblemError, Upload, UploadId } from '@polyvirt/contracts';
import { z } from 'zod';

const Note = z.object({
  userId: z.string(),
  bytes: z.int(),
  fileName: z.string().optional(),
  createdAt: z.string(),
  /** Of the ticket by which an agent may read it; another takes the place of the one before. */
  ticketHash: z.string().optional(),
});
type Note = z.infer<typeof Note>;

export interface StoredUpload extends Upload {
  readonly userId: string;
  readonly ticketHash?: string;
}

/**
 * Uploads as two files each: what is known of one, and what of it has come. They are all that there is, so that nothing is lost
 * with a process and an offset is always that of the bytes on the disk.
 */
export class UploadFiles {
  constructor(
    private readonly folder: string,
    private readonly expireAfterMs: number,
  ) {}

  /** Throws `insufficient-capacity` if there is no room for all of it. */
  async create(userId: string, bytes: number, fileName: string | undefined): Promise<StoredUpload> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    await this.#requireRoom(bytes);
    const id = randomBytes(18).toString('base64url');
    await writeFile(this.contentOf(id), '', { flag: 'wx', mode: 0o600 });
    await this.#note(id, {
      userId,
      bytes,
      createdAt: new Date().toISOString(),
      ...(fileName !== undefined && { fileName }),
    });
    return (await this.find(id))!;
  }

  /** Undefined for one that there is not, or not any more. */
  async find(id: UploadId): Promise<StoredUpload | undefined> {
    const note = await this.#read(id);
    const content = note && (await orUndefined(stat(this.contentOf(id))));
    if (!note || !content) return undefined;
    const expiresAtMs = content.mtimeMs + this.expireAfterMs;
    if (expiresAtMs < Date.now()) return undefined;
    return { id, ...note, receivedBytes: content.size, expiresAt: new Date(expiresAtMs).toISOString() } as StoredUpload;
  }

  async list(): Promise<StoredUpload[]> {
    const found = await Promise.all((await this.#ids()).map((id) => this.find(id)));
    return found.filter((upload) => upload !== undefined);
  }

  /**
   * Adds what comes at the end of what there is, as it comes. What was written stays, also when the stream breaks.
   * @throws ProblemError `body-too-large` if more comes than the file has left
   */
  async append({ id, bytes, receivedBytes }: StoredUpload, content: AsyncIterable<Uint8Array>): Promise<number> {
    const file = await open(this.contentOf(id), 'a');
    let received = receivedBytes;
    try {
      for await (const chunk of content) {
        if (received + chunk.length > bytes)
          throw new ProblemError('body-too-large', `More comes than the ${bytes} bytes that the upload has.`);
        await file.appendFile(chunk);
        received += chunk.length;
      }
      await file.sync();
      return received;
    } finally {
      await file.close();
    }
  }

  async allow(id: UploadId, ticketHash: string): Promise<void> {
    const note = await this.#read(id);
    if (note) await this.#note(id, { ...note, ticketHash });
  }

  async remove(id: UploadId): Promise<void> {
    await rm(this.#noteOf(id), { force: true });
    await rm(this.contentOf(id), { force: true });
  }

  /** Removes those whose time is over, and halves of some. */
  async sweep(): Promise<void> {
    for (const id of await this.#ids()) if (!(await this.find(id))) await this.remove(id);
  }

  contentOf(id: UploadId): string {
    return join(this.folder, `${id}.part`);
  }

  #noteOf(id: UploadId): string {
    return join(this.folder, `${id}.json`);
  }

  async #ids(): Promise<UploadId[]> {
    const names = (await orUndefined(readdir(this.folder))) ?? [];
    return names.flatMap((name) => {
      const id = /^(.+)\.part$/.exec(name)?.[1];
      return id !== undefined && UploadId.safeParse(id).success ? [id] : [];
    });
  }

  async #read(id: UploadId): Promise<Note | undefined> {
    const text = await orUndefined(readFile(this.#noteOf(id), 'utf8'));
    return text === undefined ? undefined : Note.parse(JSON.parse(text));
  }

  /** In one rename, so that nobody reads half of it. */
  async #note(id: UploadId, note: Note): Promise<void> {
    const draft = `${this.#noteOf(id)}.${randomBytes(4).toString('hex')}`;
    await writeFile(draft, JSON.stringify(note), { mode: 0o600 });
    await rename(draft, this.#noteOf(id));
  }

  async #requireRoom(bytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.folder);
    const open = await this.list();
    const promised = open.reduce((sum, upload) => sum + upload.bytes - upload.receivedBytes, 0);
    const left = bavail * bsize - promised;
    if (bytes <= left) return;
    const mib = (value: number) => Math.max(0, Math.floor(value / 2 ** 20)).toLocaleString('en-US');
    throw new ProblemError(
      'insufficient-capacity',
      `The upload has ${mib(bytes)} MiB, and the gateway has room for ${mib(left)} MiB beside other uploads. Make room there first.`,
    );
  }
}

/** Undefined for a file that is not there. */
async function orUndefined<Result>(look: Promise<Result>): Promise<Result | undefined> {
  try {
    return await look;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
