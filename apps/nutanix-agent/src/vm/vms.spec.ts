import { describe, expect, it } from '@jest/globals';
import { Pages } from '../client/paging.ts';
import type { JsonObject } from '../client/json.ts';
import type { PrismClient } from '../client/prism-client.ts';
import { PrismError, PrismUnreachableError } from '../client/prism-error.ts';
import type { Tasks } from '../client/tasks.ts';
import { uuidOf } from './vm-reader.ts';
import { Vms } from './vms.ts';

const forever = new AbortController().signal;
const ids = Array.from({ length: 7 }, (_, index) => `aaaaaaaa-000${index}-4000-8000-000000000001`);
const broken = new PrismError(500, 'INTERNAL_ERROR', 'InternalException', 'vm');

/** A Prism whose list and reads fail where a VM is in them. */
function vmsOf(spoilt: string, failure: Error = broken) {
  const v3 = async (_method: string, path: string, _signal: AbortSignal, body: JsonObject) => {
    if (path === '/groups')
      return {
        filtered_entity_count: ids.length,
        group_results: [{ entity_results: ids.map((id) => ({ entity_id: id })) }],
      };
    const page = ids.slice(Number(body['offset']), Number(body['offset']) + Number(body['length']));
    if (page.includes(spoilt)) throw broken;
    return { metadata: { total_matches: ids.length }, entities: page.map((uuid) => ({ metadata: { uuid } })) };
  };
  const find = async (path: string) => {
    if (path.endsWith(spoilt)) throw failure;
    return { metadata: { uuid: path.split('/').at(-1)! } };
  };
  const client = { v3, find } as unknown as PrismClient;
  const vms = new Vms(client, new Pages(client), {} as Tasks, { busyMs: 0, settleMs: 0 });
  return () =>
    vms.list({ read: (vm) => uuidOf(vm), lost: (uuid, error) => `${uuid}: ${(error as Error).message}` }, forever);
}

describe('the list of VMs', () => {
  it.each(ids)(
    'has all others, and %s as one that Prism cannot show, whether or not it was seen before',
    async (spoilt) => {
      const list = vmsOf(spoilt);
      const expected = ids.map((id) => (id === spoilt ? `${id}: InternalException` : id));
      for (let time = 0; time < 2; time += 1) expect((await list()).sort()).toEqual(expected);
    },
  );

  it('fails when it is Prism that is away, and not one VM', async () => {
    await expect(vmsOf(ids[3]!, new PrismUnreachableError('prism: ECONNREFUSED'))()).rejects.toThrow(
      PrismUnreachableError,
    );
    const busy = new PrismError(503, undefined, 'Away.', undefined);
    await expect(vmsOf(ids[3]!, busy)()).rejects.toBe(busy);
  });
});
