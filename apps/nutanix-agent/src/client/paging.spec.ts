import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from './json.ts';
import { Pages } from './paging.ts';
import type { PrismClient } from './prism-client.ts';
import { PrismError } from './prism-error.ts';

const forever = new AbortController().signal;
const spoiltPage = new PrismError(500, 'INTERNAL_ERROR', 'InternalException', 'vm');

/** A Prism with so many entities, of which some fail the whole page that they are on. */
function prismWith(count: number, spoilt: readonly number[], { longest = 500, counts = true } = {}) {
  const all = Array.from({ length: count }, (_, index) => ({ metadata: { uuid: `e${index}` } }));
  let calls = 0;
  const v3 = async (_method: string, _path: string, _signal: AbortSignal, body: JsonObject) => {
    calls += 1;
    const [offset, length] = [Number(body['offset']), Number(body['length'])];
    if (length > longest) throw new PrismError(422, 'INVALID_REQUEST', 'length is too large', 'vm');
    if (spoilt.some((index) => offset <= index && index < offset + length)) throw spoiltPage;
    return { metadata: counts ? { total_matches: count } : {}, entities: all.slice(offset, offset + length) };
  };
  const lost: PrismError[] = [];
  const pages = new Pages({ v3 } as unknown as PrismClient);
  const ids = () =>
    pages.read('/vms', 'vm', forever, (entity) => String((entity['metadata'] as JsonObject)['uuid']), {
      spoilt: (error) => lost.push(error),
    });
  return { ids, lost, calls: () => calls };
}
const but = (count: number, spoilt: readonly number[]) =>
  Array.from({ length: count }, (_, index) => index)
    .filter((index) => !spoilt.includes(index))
    .map((index) => `e${index}`);

describe('the pages of a list', () => {
  it('are as few as they can be', async () => {
    const prism = prismWith(1_100, []);
    expect(await prism.ids()).toEqual(but(1_100, []));
    expect(prism.calls()).toBe(3);
  });

  it('are all of them where Prism does not say how many there are', async () => {
    expect(await prismWith(1_100, [], { counts: false }).ids()).toEqual(but(1_100, []));
    expect(await prismWith(0, [], { counts: false }).ids()).toEqual([]);
  });

  it.each<[count: number, spoilt: number[]]>([
    [1, [0]],
    [40, [0]],
    [40, [39]],
    [700, [130]],
    [700, [499, 500]],
    [1_200, [3, 4, 600, 1_199]],
  ])('of %i entities lack none but those that spoil them: %j', async (count, spoilt) => {
    for (const longest of [500, 100, 20]) {
      const prism = prismWith(count, spoilt, { longest });
      expect((await prism.ids()).sort()).toEqual(but(count, spoilt).sort());
      expect(prism.lost).toHaveLength(spoilt.length);
      // Not one by one.
      expect(prism.calls()).toBeLessThan(3 + (2 * count) / longest + spoilt.length * 25);
    }
  });

  it('are not to be had where none works', async () => {
    const prism = prismWith(
      2_000,
      but(2_000, []).map((_, index) => index),
    );
    await expect(prism.ids()).rejects.toBe(spoiltPage);
    expect(prism.calls()).toBeLessThan(60);
  });
});
