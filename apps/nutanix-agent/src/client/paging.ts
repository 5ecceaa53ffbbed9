import { objectAt, objectsAt, numberAt, textAt, type JsonObject } from './json.ts';
import type { PrismClient } from './prism-client.ts';
import { PrismError } from './prism-error.ts';

/** The largest page that the product allows; releases differ, and a larger one is refused or cut. */
const PAGE_SIZES = [500, 100, 20] as const;
/** So many entities may spoil the pages that they are on; more of them, and it is the list that does not work. */
const MOST_SPOILT = 5;

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
    return this.read(path, kind, signal, (entity) => entity, { filter });
  }

  /**
   * As `all`, and of each entity only what `read` makes of it is kept, a page at a time. Each counts once: entities that come
   * and go meanwhile shift the others, and some lists ignore the offset. One that Prism cannot show fails the whole page that it
   * is on; smaller pages find it, and it alone is left out and reported to `spoilt`.
   */
  async read<Read>(
    path: string,
    kind: string,
    signal: AbortSignal,
    read: (entity: JsonObject) => Read,
    { filter, spoilt }: { filter?: string | undefined; spoilt?: (error: PrismError) => void } = {},
  ): Promise<Read[]> {
    const found = new Map<string, Read>();
    let most: number = PAGE_SIZES[0];
    let left = MOST_SPOILT;
    let known = Infinity;
    for (let offset = 0; ;) {
      const before = found.size;
      let count = 1;
      try {
        const { entities, total } = await this.#page(path, kind, { offset, most }, signal, filter);
        for (const entity of entities) found.set(idOf(entity), read(entity));
        count = entities.length;
        known = total;
        most = Math.min(PAGE_SIZES[0], most * 2);
        if (count === 0 || found.size === before) return [...found.values()];
      } catch (error) {
        if (!(error instanceof PrismError) || error.status !== 500) throw error;
        if (most > 1) {
          most = Math.floor(Math.min(most, this.#sizes.get(kind) ?? PAGE_SIZES[0]) / 2);
          continue;
        }
        left -= 1;
        if (left < 0) throw error;
        spoilt?.(error);
      }
      offset += count;
      if (offset >= known) return [...found.values()];
    }
  }

  async #page(
    path: string,
    kind: string,
    { offset, most }: { offset: number; most: number },
    signal: AbortSignal,
    filter: string | undefined,
  ) {
    for (;;) {
      const size = this.#sizes.get(kind) ?? PAGE_SIZES[0];
      const length = Math.min(size, most);
      try {
        const answer = await this.#client.v3('POST', `${path}/list`, signal, {
          kind,
          length,
          offset,
          ...(filter === undefined ? {} : { filter }),
        });
        return {
          entities: objectsAt(answer, 'entities'),
          // Without it an empty page is the end.
          total: numberAt(objectAt(answer, 'metadata'), 'total_matches') ?? Infinity,
        };
      } catch (error) {
        const smaller = PAGE_SIZES.find((one) => one < length);
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
