import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from './json.ts';
import { groupRows } from './groups.ts';
import type { PrismClient } from './prism-client.ts';

const query = { type: 'mh_vm', attributes: ['vm_name'], sortBy: 'vm_name' };
const forever = new AbortController().signal;

/** A Prism with so many entities, which cuts its pages. */
function prismWith(count: number, page: number, { tellsCount = true, heedsOffset = true } = {}) {
  const all = Array.from({ length: count }, (_, index) => ({
    entity_id: `e${index}`,
    data: [{ name: 'vm_name', values: [{ time: 1, values: [`web-${index}`] }] }],
  }));
  let calls = 0;
  const v3 = async (_method: string, _path: string, _signal: AbortSignal, body: JsonObject) => {
    calls += 1;
    const offset = heedsOffset ? Number(body['group_member_offset']) : 0;
    return {
      ...(tellsCount ? { filtered_entity_count: count } : {}),
      group_results: [{ entity_results: all.slice(offset, offset + page) }],
    };
  };
  return { rows: () => groupRows({ v3 } as unknown as PrismClient, query, forever), calls: () => calls };
}

describe('the rows of groups', () => {
  it('are all there though pages are cut, with no call too many', async () => {
    const prism = prismWith(25, 10);
    expect((await prism.rows()).map(({ values }) => values['vm_name'])).toEqual(
      Array.from({ length: 25 }, (_, index) => `web-${index}`),
    );
    expect(prism.calls()).toBe(3);
  });

  it('end with an empty page where nothing is said of the count', async () => {
    const prism = prismWith(20, 10, { tellsCount: false });
    expect(await prism.rows()).toHaveLength(20);
    expect(prism.calls()).toBe(3);
  });

  it('end where the offset is ignored', async () => {
    const prism = prismWith(20, 10, { heedsOffset: false });
    expect(await prism.rows()).toHaveLength(10);
    expect(prism.calls()).toBe(2);
  });

  it('are none of none', async () => expect(await prismWith(0, 10).rows()).toEqual([]));

  it('are those that can be told apart', async () => {
    const results = [
      { entity_id: 'a' },
      { data: null },
      null,
      7,
      { entity_id: 'b', data: [null, { name: 'vm_name', values: null }] },
    ];
    const v3 = async () => ({
      filtered_entity_count: results.length,
      group_results: [null, { entity_results: results }],
    });
    const rows = await groupRows({ v3 } as unknown as PrismClient, query, forever);
    expect(rows).toEqual([
      { uuid: 'a', values: {}, times: {} },
      { uuid: 'b', values: {}, times: {} },
    ]);
  });
});
