import { nameKey, ProblemError, type DeleteImage, type Forecast } from '@polyvirt/contracts';
import {
  checksumNotes,
  imageFormatIn,
  imageHeadBytes,
  openSource,
  type Effect,
  type ImageFormat,
  type ImageSource,
  type NewImage,
  type OperationContext,
  type Outcome,
} from '@polyvirt/hypervisor';
import type { Identifiers } from '../client/identifiers.ts';
import type { TaskSteps } from '../lifecycle/task-steps.ts';
import { nameOf, resourcesOf } from '../vm/vm-reader.ts';
import type { Vms } from '../vm/vms.ts';
import { insertedIn, type ImageEntities } from './image-entities.ts';
import type { ImageUpload } from './image-upload.ts';
import type { ImageFacts, Images } from './images.ts';

const steps = {
  make: { name: 'make the image', native: 'POST /images' },
  send: { name: 'send its content', native: 'PUT /images/{uuid}/file' },
  delete: { name: 'delete the image', native: 'DELETE /images/{uuid}' },
} as const;

/** What a source has, as it goes into the journal. */
type Seen = { format: ImageFormat; bytes?: number };

/** Images that come and go by our hand. Prism makes one and is sent its content, so that only the agent reads the source. */
export class ImageChanges {
  readonly #images: Images;
  readonly #entities: ImageEntities;
  readonly #upload: ImageUpload;
  readonly #identifiers: Identifiers;
  readonly #vms: Vms;
  readonly #steps: TaskSteps;

  constructor(parts: {
    images: Images;
    entities: ImageEntities;
    upload: ImageUpload;
    identifiers: Identifiers;
    vms: Vms;
    steps: TaskSteps;
  }) {
    this.#images = parts.images;
    this.#entities = parts.entities;
    this.#upload = parts.upload;
    this.#identifiers = parts.identifiers;
    this.#vms = parts.vms;
    this.#steps = parts.steps;
  }

  async create({ name, source }: NewImage, context: OperationContext): Promise<Outcome> {
    const { journal, signal } = context;
    await journal.step({
      name: 'look for the name',
      native: 'POST /images/list',
      act: () => this.#requireFree(name, signal),
    });
    const seen = await journal.step({
      name: 'look at the source',
      native: `GET ${source.label}`,
      act: () => look(source, signal),
    });
    const [uuid] = (await this.#identifiers.reserve(context, 1)) as [string];
    await this.#steps.run(context, {
      ...steps.make,
      ask: () => this.#entities.make({ uuid, name, resources: { image_type: typeOf(seen.format) } }, signal),
      undo: (undoing) => this.#entities.drop(uuid, undoing),
    });
    const sha256 = await journal.step({
      ...steps.send,
      act: async () => (await this.#upload.send(uuid, source, seen, context)) ?? null,
    });
    context.progress(100);
    return { effect: 'changed', notes: sha256 === null ? [] : checksumNotes(source, sha256) };
  }

  /** @throws ProblemError what `create` would end with */
  async plan(name: string, signal: AbortSignal): Promise<Forecast> {
    await this.#requireFree(name, signal);
    return { steps: [steps.make, steps.send] };
  }

  async delete(image: DeleteImage, context: OperationContext): Promise<Effect> {
    const { journal, signal } = context;
    const uuid = await journal.step({
      name: 'look for the image',
      native: 'POST /images/list',
      act: () => this.#unused(image, signal),
    });
    await this.#steps.run(context, {
      ...steps.delete,
      ask: () => this.#entities.delete(uuid, signal),
      shown: () => this.#entities.gone(uuid, signal),
      holds: async () => (await this.#entities.find(uuid, signal)) === undefined,
    });
    return 'changed';
  }

  /** @throws ProblemError what `delete` would end with */
  async planDelete(image: DeleteImage, signal: AbortSignal): Promise<Forecast> {
    await this.#unused(image, signal);
    return { steps: [steps.delete] };
  }

  /** Prism itself takes a name as often as it is given. */
  async #requireFree(name: string, signal: AbortSignal): Promise<void> {
    const holder = (await this.#images.read(signal)).find((image) => nameKey(image.name) === nameKey(name));
    if (!holder) return;
    throw new ProblemError(
      'name-taken',
      `This Prism Central has an image "${holder.name}". Choose another name, or delete it first.`,
      { errors: [{ pointer: '/name', detail: 'An image has it.' }] },
    );
  }

  /** The UUID of an image that no VM has in a drive. Disks that were made of one are copies. */
  async #unused({ image, kind }: DeleteImage, signal: AbortSignal): Promise<string> {
    const { uuid } = await this.#only(image, kind, signal);
    const all = await this.#vms.all((vm) => ({ name: nameOf(vm), inserted: insertedIn(resourcesOf(vm)) }), signal);
    const users = all.filter(({ inserted }) => inserted.includes(uuid)).map(({ name }) => `"${name}"`);
    if (users.length === 0) return uuid;
    throw new ProblemError(
      'image-in-use',
      `The image "${image}" is in the drive of ${users.join(', ')}. Eject it there first.`,
      { errors: [{ pointer: 'image', detail: 'It is in use.' }] },
    );
  }

  async #only(name: string, kind: DeleteImage['kind'], signal: AbortSignal): Promise<ImageFacts> {
    const images = (await this.#images.read(signal)).filter((image) => (kind ?? image.kind) === image.kind);
    const [found, ...others] = images.filter((image) => image.name === name || image.uuid === name);
    const fault = (detail: string) => ({ errors: [{ pointer: 'image', detail }] });
    if (!found)
      throw new ProblemError(
        'image-not-found',
        `There is no image "${name}" on this Prism Central.`,
        fault('There is no such image.'),
      );
    if (others.length === 0) return found;
    throw new ProblemError(
      'name-ambiguous',
      `Several images are called "${name}". Name one by its UUID: ${[found, ...others].map(({ uuid }) => uuid).join(', ')}.`,
      fault('Several have this name.'),
    );
  }
}

const typeOf = (format: ImageFormat): string => (format === 'iso' ? 'ISO_IMAGE' : 'DISK_IMAGE');

/** @throws ProblemError `invalid-input` for what is no image, before anything is made of it */
async function look(source: ImageSource, signal: AbortSignal): Promise<Seen> {
  const { content, bytes } = await openSource(source, { signal });
  const chunks: Buffer[] = [];
  let read = 0;
  try {
    for await (const chunk of content) {
      chunks.push(chunk as Buffer);
      read += (chunk as Buffer).length;
      if (read >= imageHeadBytes) break;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ProblemError) throw error;
    const why = (error as Error).message;
    throw new ProblemError('fetch-failed', `${source.label} could not be fetched: ${why}.`, { cause: error });
  } finally {
    content.on('error', () => undefined).destroy();
  }
  const head = Buffer.concat(chunks).subarray(0, imageHeadBytes);
  const format = imageFormatIn(head, bytes ?? (read < imageHeadBytes ? read : undefined));
  return { format, ...(bytes !== undefined && { bytes }) };
}
