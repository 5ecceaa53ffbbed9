import { rm } from 'node:fs/promises';
import { ProblemError, type DeleteImage, type Forecast, type Image, type Template } from '@polyvirt/contracts';
import type { Effect, ImageFacet, NewImage, OperationContext, Outcome } from '../driver.ts';
import { ImageFolder } from '../images/image-folder.ts';
import type { FakeCalls } from './fake-calls.ts';

const deleteIt = { name: 'delete the image', native: 'delete-image' } as const;

/** Images that the fake host has from the start, and those that were fetched, which are files. */
export class FakeImages implements ImageFacet {
  constructor(private readonly calls: FakeCalls) {}

  list(signal: AbortSignal): Promise<Image[]> {
    return this.calls.call('images.list', undefined, signal, () => this.calls.host.images);
  }

  templates(signal: AbortSignal): Promise<Template[]> {
    return this.calls.call('images.templates', undefined, signal, () => [...this.calls.host.templates]);
  }

  create(image: NewImage, context: OperationContext): Promise<Outcome> {
    const method = 'images.create';
    return this.calls.call(method, undefined, context.signal, () =>
      this.#folder().create(image, {
        operationId: context.operationId,
        signal: context.signal,
        progress: (percent) => context.progress(percent),
        journal: {
          step: ({ act, ...step }) =>
            // Whether it is a repeat is known to the step alone.
            context.journal.step({
              ...step,
              act: (isRepeat) => this.calls.struck(method, step.name, context.signal, () => act(isRepeat)),
            }),
        },
      }),
    );
  }

  delete(image: DeleteImage, context: OperationContext): Promise<Effect> {
    const { host } = this.calls;
    return this.calls.call<Effect>('images.delete', undefined, context.signal, async () => {
      const { kind, path } = await this.calls.step('images.delete', '', context, {
        name: 'look for the image',
        act: () => this.#unused(image),
      });
      await this.calls.step('images.delete', '', context, {
        ...deleteIt,
        act: async () => {
          await rm(path, { force: true });
          host.dropImage(image.image, kind);
        },
      });
      return 'changed' as const;
    });
  }

  /** Throws what a creation would end with. */
  plan(name: string, signal: AbortSignal): Promise<Forecast> {
    return this.calls.call('plan', undefined, signal, () => this.#folder().plan(name));
  }

  /** Throws what a deletion would end with. */
  planDelete(image: DeleteImage, signal: AbortSignal): Promise<Forecast> {
    return this.calls.call('plan', undefined, signal, async () => {
      await this.#unused(image);
      return { steps: [deleteIt] };
    });
  }

  async #unused({ image, kind: wanted }: DeleteImage): Promise<{ kind: Image['kind']; path: string }> {
    const { host } = this.calls;
    const found = host.images.filter(({ name, kind }) => name === image && (wanted ?? kind) === kind);
    const [only] = found;
    const fault = { errors: [{ pointer: 'image', detail: 'It cannot be deleted.' }] };
    if (!only) throw new ProblemError('image-not-found', `This host has no image ${image}.`, fault);
    if (found.length > 1)
      throw new ProblemError(
        'name-ambiguous',
        `A disk image and an ISO image are called ${image}. Name the kind.`,
        fault,
      );
    const { kind, path = '' } = only;
    const users =
      kind === 'iso'
        ? host.machines().flatMap(({ name, cdrom }) => (cdrom === image ? [name] : []))
        : [...host.usersOf(path), ...host.layersOver(path).map((layer) => layer.path)];
    if (users.length > 0)
      throw new ProblemError(
        'image-in-use',
        `The image ${image} is in use by ${[...new Set(users)].join(', ')}.`,
        fault,
      );
    return { kind, path };
  }

  #folder(): ImageFolder {
    const { host } = this.calls;
    return new ImageFolder({
      folder: host.imageFiles.folder,
      names: async () => host.images.map(({ name }) => name),
      accept: async () => undefined,
      pauseMs: 5,
    });
  }
}
