import { access, mkdir, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { nameKey, ProblemError, type Forecast } from '@polyvirt/contracts';
import type { NewImage, OperationContext, Outcome } from '../driver.ts';
import { imageFormatOf, type ImageFormat } from './image-format.ts';
import { receiveImage, type Received } from './receive-image.ts';
import { checksumNotes, openSource } from './source-interruptions.ts';

const endings: Readonly<Record<ImageFormat, string>> = { qcow2: '.qcow2', vmdk: '.vmdk', iso: '.iso', raw: '.img' };

/** The rest is for what is looked at and moved once it is there. */
const fetchedPercent = 98;

const fetchIt = { name: 'fetch the image' } as const;
const addIt = { name: 'add it to the images' } as const;

export interface ImageFolderOptions {
  readonly folder: string;
  /** Names of the images that there are. */
  readonly names: () => Promise<readonly string[]>;
  /** Throws `invalid-input` for a file that the host can make no image of. It is about to be called `fileName`. */
  readonly accept: (format: ImageFormat, path: string, fileName: string) => Promise<void>;
  readonly pauseMs?: number;
}

/** A folder whose files are the images of a host. What is not whole yet is hidden there, under the id of its operation. */
export class ImageFolder {
  constructor(private readonly options: ImageFolderOptions) {}

  /** As `ImageFacet.create`. */
  async create({ name, source }: NewImage, context: OperationContext): Promise<Outcome> {
    const { journal, signal, operationId } = context;
    const { folder, pauseMs } = this.options;
    const part = join(folder, `.${operationId}.part`);
    await journal.step({ name: 'look for the name', act: () => this.#requireFree(name) });
    const seen = await journal.step({
      name: 'look at the source',
      native: `GET ${source.label}`,
      act: async () => {
        const { content, bytes, tag } = await openSource(source, { signal, pauseMs });
        content.on('error', () => undefined).destroy();
        if (bytes !== undefined) await this.#requireRoom(bytes);
        return { ...(bytes !== undefined && { bytes }), ...(tag !== undefined && { tag }) } satisfies SeenSource;
      },
    });
    const received = await journal.step({
      ...fetchIt,
      native: `GET ${source.label}`,
      act: async () => {
        await mkdir(folder, { recursive: true });
        const progress = (bytes: number, total: number | undefined) => {
          if (total !== undefined && total > 0) context.progress((fetchedPercent * Math.min(bytes, total)) / total);
        };
        const { bytes, sha256 } = await receiveImage(source, part, {
          seen,
          signal,
          progress,
          ...(pauseMs !== undefined && { pauseMs }),
        });
        return { bytes, sha256 } satisfies Received;
      },
      undo: () => rm(part, { force: true }),
    });
    const path = await journal.step({
      name: 'look what it is',
      act: async () => {
        const format = await imageFormatOf(part);
        const fileName = `${name}${endings[format]}`;
        await this.options.accept(format, part, fileName);
        return join(folder, fileName);
      },
    });
    await journal.step({
      ...addIt,
      act: async () => {
        // A process that died may have done it.
        if (!(await exists(part)) && (await exists(path))) return;
        await this.#requireFree(name);
        await rename(part, path);
      },
      undo: async () => {
        if (!(await exists(part))) await rm(path, { force: true });
      },
    });
    context.progress(100);
    return { effect: 'changed', notes: checksumNotes(source, received.sha256) };
  }

  /** Throws what `create` would end with for a reason that the folder knows. */
  async plan(name: string): Promise<Forecast> {
    await this.#requireFree(name);
    return { steps: [fetchIt, addIt] };
  }

  async #requireFree(name: string): Promise<void> {
    const names = await this.options.names();
    const holder = names.find((one) => nameKey(one) === nameKey(name));
    if (holder === undefined) return;
    throw new ProblemError(
      'name-taken',
      `This host has an image "${holder}". Choose another name, or delete it first.`,
      {
        errors: [{ pointer: '/name', detail: 'An image has it.' }],
      },
    );
  }

  async #requireRoom(bytes: number): Promise<void> {
    const { folder } = this.options;
    await mkdir(folder, { recursive: true });
    const { bavail, bsize } = await statfs(folder);
    if (bytes <= bavail * bsize) return;
    throw new ProblemError(
      'insufficient-capacity',
      `The image has ${mib(bytes)} MiB, and the folder of images has room for ${mib(bavail * bsize)} MiB. Make room first.`,
    );
  }
}

/** A type, as it goes into the journal. */
type SeenSource = { bytes?: number; tag?: string };

const mib = (bytes: number): string => Math.ceil(bytes / 2 ** 20).toLocaleString('en-US');

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
