import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { createImage, ProblemError, type CommandOf, type OperationId, type UploadId } from '@polyvirt/contracts';
import { secretHash } from '../auth/secret-hash.ts';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { UploadFiles, type StoredUpload } from './upload-files.ts';

const expireAfterMs = 24 * 3_600_000;
const sweepEveryMs = 10 * 60_000;
/** Of one user at a time. */
const mostUploads = 16;

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
  private readonly madeOf = new Map<OperationId, UploadId>();
  private timer: NodeJS.Timeout | undefined;

  constructor(@Inject(CONFIG) { uploadPath, uploadMostGiB }: GatewayConfig) {
    this.mostBytes = uploadMostGiB * 2 ** 30;
    this.files = new UploadFiles(uploadPath, expireAfterMs);
  }

  async onModuleInit(): Promise<void> {
    await this.files.sweep();
    this.timer = setInterval(() => void this.files.sweep().catch(() => undefined), sweepEveryMs).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    for (const { abort } of this.receiving.values()) abort.abort();
    await Promise.allSettled([...this.receiving.values()].map(({ done }) => done));
  }

  /** @throws ProblemError `body-too-large`, `too-many-requests` or `insufficient-capacity` */
  async create(userId: string, bytes: number, fileName: string | undefined): Promise<StoredUpload> {
    if (bytes > this.mostBytes)
      throw new ProblemError(
        'body-too-large',
        `An upload has at most ${this.mostBytes / 2 ** 30} GiB here; POLYVIRT_UPLOAD_MAX_GIB of the gateway says so.`,
      );
    const own = (await this.files.list()).filter((upload) => upload.userId === userId);
    if (own.length >= mostUploads)
      throw new ProblemError('too-many-requests', `You have ${own.length} uploads. Use or delete some of them first.`);
    return this.files.create(userId, bytes, fileName);
  }

  /** Throws `upload-not-found` also for one of somebody else. */
  async require(id: UploadId, userId: string): Promise<StoredUpload> {
    const upload = await this.files.find(id);
    if (upload?.userId === userId) return upload;
    throw new ProblemError('upload-not-found', `You have no upload ${id}. It may have expired: begin a new one.`);
  }

  /**
   * Takes a part. Whoever is still sending one of the same file is let go of before.
   * @throws ProblemError `upload-not-found`, `wrong-state` if the part does not begin where the last ended, `body-too-large`
   */
  async receive(id: UploadId, userId: string, offset: number, content: Readable): Promise<StoredUpload> {
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
          `The part begins at ${offset}, and ${upload.receivedBytes} bytes have come. Ask for the offset (HEAD), and go on from there.`,
        );
      const letGo = () => content.destroy(new Error('another request continues it'));
      abort.signal.addEventListener('abort', letGo);
      await this.files.append(upload, content);
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

  /** The input with a ticket by which the agent may read the upload, until that is deleted. */
  async ticketed(input: CreateImage): Promise<CreateImage & { readonly ticket?: string }> {
    if (input.upload === undefined) return input;
    const ticket = randomBytes(32).toString('base64url');
    await this.files.allow(input.upload, secretHash(ticket));
    return { ...input, ticket };
  }

  /** The file of an upload. Throws `unauthenticated` for any other ticket than its last. */
  async contentBy(id: UploadId, ticket: string | undefined): Promise<{ path: string }> {
    const upload = await this.files.find(id);
    if (upload?.ticketHash === undefined || ticket === undefined || upload.ticketHash !== secretHash(ticket))
      throw new ProblemError('unauthenticated', 'This is for the agent that was told to read the upload.');
    return { path: this.files.contentOf(id) };
  }

  /** It is of no more use once an image was made of it. */
  notePurpose(operation: OperationId, upload: UploadId): void {
    this.madeOf.set(operation, upload);
  }

  async ended({ id, status }: { readonly id: OperationId; readonly status: string }): Promise<void> {
    const upload = this.madeOf.get(id);
    if (upload === undefined) return;
    this.madeOf.delete(id);
    if (status === 'succeeded') await this.files.remove(upload);
  }
}
