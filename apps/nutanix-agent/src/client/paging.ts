import { objectAt, objectsAt, numberAt, textAt, type JsonObject } from './json.ts';
import type { PrismClient } from './prism-client.ts';
import { PrismError } from './prism-error.ts';

/** The largest page that the product allows; releases differ, and a larger one is refused or cut. */
const PAGE_SIZES = [500, 100, 20] as const;

/** Lists whole kinds, page by page. */
export class Pages {
  readonly #client: PrismClient;
  /** What each kind turned out to allow. */
  readonly #sizes = new Map<string, number>();

  constructor(client: PrismClient) {
    this.#client = client;
  }

  /** All entities of a kind. `path` is below v3: `/vms`. */
  all(path: string, kind: string, signal: AbortSignal, filter?: string): Promise<JsonObject[]> {
    return this.read(path, kind, signal, (entity) => entity, filter);
  }

  /**
   * As `all`, and of each entity only what `read` makes of it is kept, a page at a time. Each counts once: entities that come
   * and go meanwhile shift the others, and some lists ignore the offset.
   */
  async read<Read>(
    path: string,
    kind: string,
    signal: AbortSignal,
    read: (entity: JsonObject) => Read,
    filter?: string,
  ): Promise<Read[]> {
    const found = new Map<string, Read>();
    for (let offset = 0; ;) {
      const { entities, total } = await this.#page(path, kind, offset, signal, filter);
      const before = found.size;
      for (const entity of entities) found.set(idOf(entity), read(entity));
      offset += entities.length;
      if (entities.length === 0 || offset >= total || found.size === before) return [...found.values()];
    }
  }

  async #page(path: string, kind: string, offset: number, signal: AbortSignal, filter: string | undefined) {
    for (;;) {
      const length = this.#sizes.get(kind) ?? PAGE_SIZES[0];
      try {
        const answer = await this.#client.v3('POST', `${path}/list`, signal, {
          kind,
          length,
          offset,
          ...(filter === undefined ? {} : { filter }),
        });
        return {
          entities: objectsAt(answer, 'entities'),
          total: numberAt(objectAt(answer, 'metadata'), 'total_matches') ?? 0,
        };
      } catch (error) {
        const smaller = PAGE_SIZES.find((size) => size < length);
        if (!isTooLong(error) || smaller === undefined) throw error;
        this.#sizes.set(kind, smaller);
      }
    }
  }
}

const isTooLong = (error: unknown): boolean =>
  error instanceof PrismError && (error.status === 422 || error.status === 400) && /length/i.test(error.message);

/** Categories and tasks are flat, everything else has its id in the metadata. */
const idOf = (entity: JsonObject): string =>
  textAt(objectAt(entity, 'metadata'), 'uuid') ?? textAt(entity, 'uuid') ?? JSON.stringify(entity);
