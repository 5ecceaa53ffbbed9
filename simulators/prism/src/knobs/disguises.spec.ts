import { describe, expect, it } from '@jest/globals';
import { Disguises } from './disguises.ts';

const uuid = 'aaaaaaaa-0001-4000-8000-000000000001';
const vm = {
  metadata: { uuid, kind: 'vm' },
  status: { name: 'a', resources: { num_sockets: 2, disk_list: [{ uuid: 'd' }] } },
};

describe('disguises', () => {
  const disguises = new Disguises();
  disguises.set(uuid, { status: { resources: { disk_list: null, num_sockets: 'two' } } });
  const shown = { ...vm, status: { name: 'a', resources: { num_sockets: 'two', disk_list: null } } };

  it('are over an entity that is read, and over no other', () => {
    expect(disguises.over(vm)).toEqual(shown);
    const other = { metadata: { uuid: 'b' }, status: {} };
    expect(disguises.over(other)).toEqual(other);
  });

  it('are over those of a list and of groups', () => {
    expect(disguises.over({ metadata: { total_matches: 2 }, entities: [{ metadata: { uuid: 'b' } }, vm] })).toEqual({
      metadata: { total_matches: 2 },
      entities: [{ metadata: { uuid: 'b' } }, shown],
    });
    const rows = { group_results: [{ entity_results: [{ entity_id: uuid, data: [] }] }] };
    expect(JSON.stringify(disguises.over(rows))).toContain('"num_sockets":"two"');
  });

  it('are taken off', () => {
    disguises.remove(uuid);
    expect(disguises.isEmpty).toBe(true);
    expect(disguises.over(vm)).toEqual(vm);
  });
});
