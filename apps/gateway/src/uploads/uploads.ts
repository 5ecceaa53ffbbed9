import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import {
  createImage,
  ProblemError,
  type CommandOf,
  type Operation,
  type OperationId,
  type UploadId,
} from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { secretHash } from '../auth/secret-hash.ts';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { LOGGER } from '../logger.ts';
import { UploadFiles, type NewUpload, type StoredUpload } from './upload-files.ts';

const expireAfterMs = 24 * 3_600_000;
const expireAfterUseMs = 10 * 60_000;
const sweepEveryMs = 10 * 60_000;
/** Of one user at a time. */
const mostUploads = 16;
/** A client that is silent for so long sends nothing more. */
const usualSilenceMs = 60_000;

type CreateImage = CommandOf<typeof createImage>['input'];

/** Files that clients send in parts, for agents to take. */
@Injectable()
export class Uploads implements OnModuleInit, OnModuleDestroy {
  readonly mostBytes: number;
  private readonly files: UploadFiles;
  /** Who is sending a part now; a client that comes again has given up what it sent before. */
  private readonly receiving = new Map<
    UploadId,
    { readonly abort: AbortController; readonly done: Promise<unknown> }
  >();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(CONFIG) { uploadPath, uploadMostGiB, spaceKeptMiB }: GatewayConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.mostBytes = uploadMostGiB * 2 ** 30;
    this.files = new UploadFiles(uploadPath, { expireAfterMs, expireAfterUseMs, keptBytes: spaceKeptMiB * 2 ** 20 });
  }

  async onModuleInit(): Promise<void> {
    await this.files.sweep();
    const sweep = () =>
      this.files.sweep().catch((err: unknown) => this.logger.warn({ err }, 'expired uploads cannot be removed'));
    this.timer = setInterval(() => void sweep(), sweepEveryMs).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    for (const { abort } of this.receiving.values()) abort.abort();
    await Promise.allSettled([...this.receiving.values()].map(({ done }) => done));
  }

  /** @throws ProblemError `body-too-large`, `too-many-requests` or `insufficient-capacity` */
  async create(upload: NewUpload): Promise<StoredUpload> {
    const { userId, bytes } = upload;
    if (bytes > this.mostBytes)
      throw new ProblemError(
        'body-too-large',
        `An upload has at most ${this.mostBytes / 2 ** 30} GiB here; POLYVIRT_UPLOAD_MAX_GIB of the gateway says so.`,
      );
    const own = (await this.files.list()).filter((other) => other.userId === userId);
    if (own.length >= mostUploads)
      throw new ProblemError('too-many-requests', `You have ${own.length} uploads. Use or delete some of them first.`);
    return this.files.create(upload);
  }

  /** Throws `upload-not-found` also for one of somebody else. */
  async require(id: UploadId, userId: string): Promise<StoredUpload> {
    const upload = await this.files.find(id);
    if (upload?.userId === userId) return upload;
    throw new ProblemError('upload-not-found', `You have no upload ${id}. It may have expired: begin a new one.`);
  }

  /**
   * Takes a part. Whoever is still sending one of the same file is let go of before.
   * @throws ProblemError `upload-not-found`, `wrong-state` if the part does not begin where the last ended, `body-too-large`,
   *   `insufficient-capacity`, `unavailable` if the client stops sending
   */
  async receive(
    id: UploadId,
    userId: string,
    offset: number,
    content: Readable,
    silenceMs = usualSilenceMs,
  ): Promise<StoredUpload> {
    await this.require(id, userId);
    const before = this.receiving.get(id);
    const abort = new AbortController();
    const work = async () => {
      before?.abort.abort();
      await before?.done.catch(() => undefined);
      abort.signal.throwIfAborted();
      const upload = await this.require(id, userId);
      if (upload.receivedBytes !== offset)
        throw new ProblemError(
          'wrong-state',
          `The part begins at ${offset}, and ${upload.receivedBytes} bytes have come. Ask for the offset (HEAD), and continue there.`,
        );
      const letGo = () => content.destroy(new Error('another request continues it'));
      abort.signal.addEventListener('abort', letGo);
      await this.files.append(upload, chunksOf(content, silenceMs));
      return this.require(id, userId);
    };
    const done = work();
    const entry = { abort, done };
    this.receiving.set(id, entry);
    try {
      return await done;
    } finally {
      if (this.receiving.get(id) === entry) this.receiving.delete(id);
    }
  }

  async remove(id: UploadId, userId: string): Promise<void> {
    await this.require(id, userId);
    const sending = this.receiving.get(id);
    sending?.abort.abort();
    await sending?.done.catch(() => undefined);
    await this.files.remove(id);
  }

  /** Throws `upload-not-found`, or `wrong-state` if not all of it has come. */
  async requireWhole(id: UploadId, userId: string): Promise<StoredUpload> {
    const upload = await this.require(id, userId);
    const { bytes, receivedBytes } = upload;
    if (bytes === receivedBytes) return upload;
    throw new ProblemError(
      'wrong-state',
      `${receivedBytes} of ${bytes} bytes of the upload have come. Send the rest first.`,
      {
        errors: [{ pointer: '/upload', detail: 'It is not whole.' }],
      },
    );
  }

  /** Has an operation be asked for with a ticket, by which its agent may read the upload while the operation lasts. */
  async lend<Result>(
    operation: OperationId,
    input: CreateImage & { readonly upload: UploadId },
    ask: (input: CreateImage & { readonly ticket: string }) => Promise<Result>,
  ): Promise<Result> {
    const ticket = randomBytes(32).toString('base64url');
    // Before it is asked for: it may have ended when that is acknowledged.
    await this.files.allow(input.upload, operation, secretHash(ticket));
    try {
      return await ask({ ...input, ticket });
    } catch (error) {
      await this.files.release(operation, false);
      throw error;
    }
  }

  /** The file of an upload. Throws `upload-not-found` for any other ticket than that of an operation that makes an image of it. */
  async contentBy(id: UploadId, ticket: string | undefined): Promise<{ path: string }> {
    if (ticket !== undefined && (await this.files.find(id)) && (await this.files.isAllowed(id, secretHash(ticket))))
      return { path: this.files.contentOf(id) };
    throw new ProblemError('upload-not-found', `There is no upload ${id} for this ticket. It may have expired.`);
  }

  /** It is of little more use once an image was made of it, by every operation that was to. */
  ended({ id, verb, status }: Pick<Operation, 'id' | 'verb' | 'status'>): void {
    if (verb !== createImage.verb) return;
    // What cannot be noted now expires later.
    void this.files.release(id, status === 'succeeded').catch(() => undefined);
  }
}

/**
 * What comes of a part. Whoever reads no further leaves the connection as it is, so that the client hears why.
 * @throws ProblemError `unavailable` if the connection breaks, or nothing comes for too long
 */
async function* chunksOf(content: Readable, silenceMs: number): AsyncGenerator<Uint8Array> {
  let timer: NodeJS.Timeout | undefined;
  const wait = () => {
    timer = setTimeout(() => content.destroy(new Error(`nothing came for ${silenceMs / 1_000} s`)), silenceMs);
  };
  try {
    wait();
    for await (const chunk of content.iterator({ destroyOnReturn: false })) {
      clearTimeout(timer);
      yield chunk as Uint8Array;
      wait();
    }
  } catch (error) {
    const detail = `The part was cut: ${(error as Error).message}. What has come stays; continue after it.`;
    throw new ProblemError('unavailable', detail, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
