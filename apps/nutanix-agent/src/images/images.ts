import { ProblemError, type Image, type Template } from '@polyvirt/contracts';
import { gibOf, type ImageFacet } from '@polyvirt/hypervisor';
import { numberAt, objectAt, textAt, type JsonObject } from '../client/json.ts';
import type { Pages } from '../client/paging.ts';
import { nameOf, uuidOf } from '../vm/vm-reader.ts';
import type { Vms } from '../vm/vms.ts';
import { isUuid } from '../vm/uuid.ts';

export interface ImageFacts {
  readonly uuid: string;
  readonly name: string;
  readonly kind: Image['kind'];
  /** Absent for a while after an image was made. */
  readonly bytes?: number;
}

/** The image service of Prism Central. Names are not unique; a UUID says it exactly. */
export class Images implements ImageFacet {
  readonly #pages: Pages;
  readonly #vms: Vms;
  #hasChanged = false;
  #wake: () => void = () => undefined;
  /** Names by UUID, of the images that were there at the last look. */
  #names: ReadonlyMap<string, string> = new Map();

  constructor(pages: Pages, vms: Vms) {
    this.#pages = pages;
    this.#vms = vms;
  }

  async list(signal: AbortSignal): Promise<Image[]> {
    return (await this.read(signal))
      .map(({ name, kind, bytes }) => ({ name, kind, ...(bytes === undefined ? {} : { sizeGiB: gibOf(bytes) }) }))
      .sort((a, b) => a.name.localeCompare(b.name));
  }

  /** Any machine that is off can be one. */
  async templates(signal: AbortSignal): Promise<Template[]> {
    const rows = await this.#vms.columns(['vm_name'], signal, 'power_state==off');
    return rows
      .map(({ uuid, values }) => ({ nativeId: uuid, name: values['vm_name'] ?? '' }))
      .sort((a, b) => a.name.localeCompare(b.name));
  }

  /** Undefined for one that was not there at the last look. */
  readonly nameOf = (uuid: string): string | undefined => this.#names.get(uuid);

  /** Somebody has seen that images changed. */
  readonly noteChange = (): void => {
    this.#hasChanged = true;
    this.#wake();
  };

  async *changes(signal: AbortSignal): AsyncGenerator<void> {
    const wake = () => this.#wake();
    signal.addEventListener('abort', wake, { once: true });
    while (!signal.aborted) {
      if (!this.#hasChanged) await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#hasChanged = false;
      if (!signal.aborted) yield;
    }
  }

  async demand(name: string, kind: Image['kind'], signal: AbortSignal, pointer?: string): Promise<ImageFacts> {
    const [image, ...others] = (await this.read(signal)).filter(
      (candidate) => candidate.kind === kind && (candidate.name === name || (isUuid(name) && candidate.uuid === name)),
    );
    const what = kind === 'iso' ? 'ISO image' : 'disk image';
    const fault = (detail: string) => (pointer === undefined ? {} : { errors: [{ pointer, detail }] });
    if (!image)
      throw new ProblemError(
        'image-not-found',
        `There is no ${what} "${name}" on this Prism Central.`,
        fault('There is none.'),
      );
    if (others.length > 0)
      throw new ProblemError(
        'invalid-input',
        `Several images are called "${name}". Name one by its UUID: ${[image, ...others].map(({ uuid }) => uuid).join(', ')}.`,
        fault('Several have this name.'),
      );
    return image;
  }

  async read(signal: AbortSignal): Promise<ImageFacts[]> {
    const images = (await this.#pages.all('/images', 'image', signal)).map(readImage);
    this.#names = new Map(images.map(({ uuid, name }) => [uuid, name]));
    return images;
  }
}

export function readImage(image: JsonObject): ImageFacts {
  const asked = objectAt(objectAt(image, 'spec'), 'resources');
  const actual = objectAt(objectAt(image, 'status'), 'resources');
  const size = numberAt(actual, 'size_bytes');
  const bytes = size !== undefined && size > 0 ? size : undefined;
  const type = textAt(actual, 'image_type') ?? textAt(asked, 'image_type');
  return {
    uuid: uuidOf(image),
    name: nameOf(image),
    kind: type === 'ISO_IMAGE' ? 'iso' : 'disk',
    ...(bytes === undefined ? {} : { bytes }),
  };
}
