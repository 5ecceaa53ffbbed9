import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm, stat, statfs, utimes, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { ProblemError, Upload, UploadId, type OperationId } from '@polyvirt/contracts';
import { z } from 'zod';

const Note = z.object({
  userId: z.string(),
  bytes: z.int(),
  fileName: z.string().optional(),
  /** As the client has said it, who may ask for it again. */
  metadata: z.string().optional(),
  createdAt: z.string(),
});
type Note = z.infer<typeof Note>;

export type NewUpload = Omit<Note, 'createdAt'>;

export interface StoredUpload extends Upload {
  readonly userId: string;
  readonly metadata?: string;
}

export interface UploadLimits {
  /** Without a part that comes, or an operation that is to read it. */
  readonly expireAfterMs: number;
  /** Once an image was made of it: others may be made of it, on other hosts. */
  readonly expireAfterUseMs: number;
  /** What stays free in the file system, for whoever else writes there. */
  readonly keptBytes: number;
}

/** Between the two files of a new one. */
const completeWithinMs = 60_000;
/** So often it is looked, while a part comes, whether there is room left. */
const lookEveryBytes = 32 * 2 ** 20;

/**
 * Uploads as files: what is known of one (`.json`), what of it has come (`.part`), and one for each operation whose agent may
 * read it (`.ticket`). They are all that there is, so that nothing is lost with a process, an offset is always that of the bytes
 * on the disk, and several gateways can share the folder.
 */
export class UploadFiles {
  constructor(
    private readonly folder: string,
    private readonly limits: UploadLimits,
  ) {}

  /** Throws `insufficient-capacity` if there is no room for all of it. */
  async create(upload: NewUpload): Promise<StoredUpload> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    await this.#requireRoom(upload.bytes);
    const id = randomBytes(18).toString('base64url');
    await writeFile(this.contentOf(id), '', { flag: 'wx', mode: 0o600 });
    const note: Note = { ...upload, createdAt: new Date().toISOString() };
    await writeFile(this.#noteOf(id), JSON.stringify(note), { flag: 'wx', mode: 0o600 });
    return (await this.find(id))!;
  }

  /** Undefined for one that there is not, or not any more. */
  async find(id: UploadId): Promise<StoredUpload | undefined> {
    const note = await this.#read(id);
    const content = note && (await orUndefined(stat(this.contentOf(id))));
    if (!note || !content) return undefined;
    const expiresAtMs = content.mtimeMs + this.limits.expireAfterMs;
    if (expiresAtMs < Date.now()) return undefined;
    return { id, ...note, receivedBytes: content.size, expiresAt: new Date(expiresAtMs).toISOString() } as StoredUpload;
  }

  async list(): Promise<StoredUpload[]> {
    const found = await Promise.all((await this.#ids()).map((id) => this.find(id)));
    return found.filter((upload) => upload !== undefined);
  }

  /**
   * Writes what comes to where it belongs, as it comes. What was written stays, also when the stream breaks. Of two that write the
   * same upload, at two gateways, each writes the same bytes to the same place.
   * @throws ProblemError `body-too-large` if more comes than the file has left, `insufficient-capacity` if the disk is full
   */
  async append({ id, bytes, receivedBytes }: StoredUpload, content: AsyncIterable<Uint8Array>): Promise<void> {
    const file = await open(this.contentOf(id), 'r+');
    let received = receivedBytes;
    let lookAt = received;
    try {
      for await (const chunk of content) {
        if (received + chunk.length > bytes)
          throw new ProblemError('body-too-large', `More comes than the ${bytes} bytes that the upload has.`);
        if (received >= lookAt) {
          await this.#requireRoomToContinue(received);
          lookAt = received + lookEveryBytes;
        }
        await writeAll(file, chunk, received);
        received += chunk.length;
      }
      await file.sync();
    } catch (error) {
      throw isFull(error) ? full(received) : error;
    } finally {
      await file.close();
    }
  }

  /** Has whoever shows the ticket with this hash read it, until the operation has ended. */
  async allow(id: UploadId, operation: OperationId, ticketHash: string): Promise<void> {
    await writeFile(join(this.folder, `${id}.${operation}.ticket`), ticketHash, { mode: 0o600 });
    await this.#expireIn(id, this.limits.expireAfterMs);
  }

  async isAllowed(id: UploadId, ticketHash: string): Promise<boolean> {
    const tickets = (await this.#names()).filter((name) => name.startsWith(`${id}.`) && name.endsWith('.ticket'));
    const hashes = await Promise.all(tickets.map((name) => orUndefined(readFile(join(this.folder, name), 'utf8'))));
    return hashes.includes(ticketHash);
  }

  /** Ends what an operation may do with an upload. One that it has used, and that nobody else is about to, expires soon. */
  async release(operation: OperationId, isUsed: boolean): Promise<void> {
    const ending = `.${operation}.ticket`;
    for (const name of (await this.#names()).filter((one) => one.endsWith(ending))) {
      const id = name.slice(0, -ending.length);
      await rm(join(this.folder, name), { force: true });
      const others = (await this.#names()).some((one) => one.startsWith(`${id}.`) && one.endsWith('.ticket'));
      if (isUsed && !others) await this.#expireIn(id, this.limits.expireAfterUseMs);
    }
  }

  async remove(id: UploadId): Promise<void> {
    for (const name of (await this.#names()).filter((one) => one.startsWith(`${id}.`)))
      await rm(join(this.folder, name), { force: true });
  }

  /** Removes those whose time is over, and halves of some that nobody is about to complete. */
  async sweep(): Promise<void> {
    for (const id of await this.#ids()) if (!(await this.find(id)) && !(await this.#isNew(id))) await this.remove(id);
  }

  contentOf(id: UploadId): string {
    return join(this.folder, `${id}.part`);
  }

  #noteOf(id: UploadId): string {
    return join(this.folder, `${id}.json`);
  }

  /** What expires when is in the time of its content, so that it is one fact for all gateways. */
  async #expireIn(id: UploadId, ms: number): Promise<void> {
    const time = new Date(Date.now() + ms - this.limits.expireAfterMs);
    await orUndefined(utimes(this.contentOf(id), time, time));
  }

  async #isNew(id: UploadId): Promise<boolean> {
    const files = await Promise.all([this.contentOf(id), this.#noteOf(id)].map((path) => orUndefined(stat(path))));
    return files.some((file) => file !== undefined && file.mtimeMs > Date.now() - completeWithinMs);
  }

  async #names(): Promise<string[]> {
    return (await orUndefined(readdir(this.folder))) ?? [];
  }

  async #ids(): Promise<UploadId[]> {
    const ids = (await this.#names()).map((name) => name.split('.', 1)[0]!);
    return [...new Set(ids)].filter((id) => UploadId.safeParse(id).success);
  }

  async #read(id: UploadId): Promise<Note | undefined> {
    const text = await orUndefined(readFile(this.#noteOf(id), 'utf8'));
    // One that is being written, by another gateway, is not there yet.
    return text === undefined || text === '' ? undefined : Note.parse(JSON.parse(text));
  }

  async #requireRoom(bytes: number): Promise<void> {
    const open = await this.list();
    const promised = open.reduce((sum, upload) => sum + upload.bytes - upload.receivedBytes, 0);
    const left = (await this.#leftBytes()) - promised;
    if (bytes <= left) return;
    throw new ProblemError(
      'insufficient-capacity',
      `The upload has ${mib(bytes)} MiB, and the gateway has room for ${mib(left)} MiB beside other uploads. Make room there first.`,
    );
  }

  /** Others write there as well, after an upload was begun. */
  async #requireRoomToContinue(received: number): Promise<void> {
    if ((await this.#leftBytes()) <= 0) throw full(received);
  }

  async #leftBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.folder);
    return bavail * bsize - this.limits.keptBytes;
  }
}

const mib = (value: number) => Math.max(0, Math.floor(value / 2 ** 20)).toLocaleString('en-US');

const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');

const full = (received: number) =>
  new ProblemError(
    'insufficient-capacity',
    `The disk of the gateway is full: ${mib(received)} MiB of the upload have come, and stay. Make room there, then send the rest.`,
  );

/** Not through the position of the handle, which a write that was cut would leave anywhere. */
async function writeAll(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length;)
    done += (await file.write(chunk, done, chunk.length - done, position + done)).bytesWritten;
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
