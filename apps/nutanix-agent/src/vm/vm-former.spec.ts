import { describe, expect, it } from '@jest/globals';
import { objectAt, objectsAt, type JsonObject } from '../client/json.ts';
import { draftOf } from './vm-draft.ts';
import { applyChanges, noChanges, type Changes } from './vm-edits.ts';
import { formerOf, putBack } from './vm-former.ts';

const nic = (uuid: string, mac: string, ip?: string) => ({
  uuid,
  mac_address: mac,
  is_connected: true,
  subnet_reference: { kind: 'subnet', uuid: 'vlan10' },
  ...(ip !== undefined && { ip_endpoint_list: [{ ip, type: 'ASSIGNED' }] }),
});

const resources = {
  num_sockets: 2,
  num_vcpus_per_socket: 2,
  memory_size_mib: 2_048,
  power_state: 'OFF',
  disk_list: [],
  nic_list: [nic('a', '50:6b:8d:00:00:01', '10.42.0.10'), nic('b', '50:6b:8d:00:00:02', '10.42.0.11')],
};

const vm: JsonObject = {
  metadata: { kind: 'vm', uuid: 'vm' },
  spec: { name: 'web', resources: { ...resources, nic_list: resources.nic_list.map(withoutAddress) } },
  status: { name: 'web', state: 'COMPLETE', resources },
};

function withoutAddress({ ip_endpoint_list: _told, ...rest }: ReturnType<typeof nic>) {
  return rest;
}

const changes: Changes = {
  ...noChanges,
  name: 'renamed',
  cpus: 3,
  memoryMiB: 4_096,
  addNics: [{ subnet: 'vlan10', mac: '50:6b:8d:00:00:09' }],
  removeNics: ['50:6b:8d:00:00:01'],
};

const changed = (): JsonObject => {
  const spec = structuredClone(draftOf(vm).spec);
  applyChanges(spec, changes);
  return spec;
};

describe('a VM put back to what it was', () => {
  it('has its name and sizes, and its interfaces in their order with the addresses that they had', () => {
    const spec = changed();
    expect(putBack(spec, formerOf(vm), changes)).toBe(true);
    expect(spec).toMatchObject({ name: 'web', resources: { num_sockets: 2, num_vcpus_per_socket: 2 } });
    expect(objectAt(spec, 'resources')['memory_size_mib']).toBe(2_048);
    const [first, second] = objectsAt(objectAt(spec, 'resources'), 'nic_list');
    // Prism knows the one that was removed no more.
    expect(first).not.toHaveProperty('uuid');
    expect(first).toMatchObject({ mac_address: '50:6b:8d:00:00:01', ip_endpoint_list: [{ ip: '10.42.0.10' }] });
    expect(second).toMatchObject({ uuid: 'b' });
  });

  it('keeps what others have changed meanwhile', () => {
    const spec = changed();
    spec['name'] = 'named by another';
    const inside = objectAt(spec, 'resources');
    inside['nic_list'] = [...objectsAt(inside, 'nic_list').slice(1), nic('c', '50:6b:8d:00:00:03')];
    putBack(spec, formerOf(vm), changes);
    expect(spec['name']).toBe('named by another');
    const macs = objectsAt(inside, 'nic_list').map(({ mac_address: mac }) => mac);
    expect(macs).toEqual(['50:6b:8d:00:00:01', '50:6b:8d:00:00:03']);
  });

  it('is left alone when nothing of the change is in it', () => {
    const { spec } = draftOf(vm);
    expect(putBack(spec, formerOf(vm), noChanges)).toBe(false);
  });
});
