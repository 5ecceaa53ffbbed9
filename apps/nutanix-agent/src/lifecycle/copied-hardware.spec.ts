import { describe, expect, it } from '@jest/globals';
import { objectAt, objectsAt, type JsonObject } from '../client/json.ts';
import { disguised } from '../testing/odd-vms.ts';
import { copyNotes, detachShared, volumeGroupsOf } from './copied-hardware.ts';

const group = '31111111-1111-4111-8111-111111111111';
const other = '31111111-1111-4111-8111-111111111112';
const own = {
  nic_list: [{ mac_address: '50:6b:8d:00:00:09', ip_endpoint_list: [{ ip: '10.0.0.51', type: 'ASSIGNED' }] }],
};
const vm = (resources: JsonObject, metadata: JsonObject = {}) =>
  disguised({ spec: { resources }, status: { name: 'web-01', resources }, metadata });
const notesOf = (source: JsonObject, copy: JsonObject = vm({ ...source, ...own }), names: [string, string][] = []) =>
  copyNotes(vm(source), copy, new Map(names));
const attached = (uuid: string) => ({
  volume_group_reference: { kind: 'volume_group', uuid },
  device_properties: { device_type: 'VOLUME_GROUP', disk_address: { adapter_type: 'SCSI', device_index: 1 } },
});

describe('what the author of a copy should know', () => {
  it('is nothing when the copy has nothing of its source', () => {
    expect(notesOf({})).toEqual([]);
    expect(notesOf({ serial_port_list: [{ index: 0, is_connected: true }] })).toEqual([]);
  });

  it.each<[what: string, source: JsonObject, note: RegExp]>([
    ['GPUs', { gpu_list: [{ device_id: 8757, name: 'Tesla_T4' }, { device_id: 44 }] }, /Tesla_T4, device 44/],
    ['a virtual TPM', { vtpm_config: { vtpm_enabled: true } }, /virtual TPM is a new one/],
    ['guest tools', { guest_tools: { nutanix_guest_tools: { state: 'ENABLED' } } }, /Nutanix Guest Tools/],
    ['user data', { guest_customization: { cloud_init: { user_data: 'eA==' } } }, /user data of its source/],
    [
      'a seed in a drive',
      {
        disk_list: [
          {
            device_properties: { device_type: 'CDROM', disk_address: { adapter_type: 'IDE', device_index: 3 } },
            disk_size_bytes: 374_784,
          },
        ],
      },
      /CD-ROM drive ide:3/,
    ],
    [
      'an interface that it boots from',
      { boot_config: { boot_device: { mac_address: '50:6B:8D:00:00:01' } } },
      /boot from/,
    ],
    ['a volume group', { disk_list: [attached(group)] }, /"data" stays with "web-01" alone/],
  ])('tells of %s', (_what, source, note) => {
    const notes = notesOf(source, undefined, [[group, 'data']]);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(note);
  });

  it('tells of addresses that both have, whatever Prism should have done', () => {
    const nic = (extra: JsonObject) => ({ nic_list: [{ mac_address: '50:6b:8d:00:00:09', ...extra }] });
    const secondary = { secondary_ip_address_list: ['10.0.0.77'] };
    const fixed = { ip_endpoint_list: [{ ip: '10.0.0.50' }, { ip: '10.0.0.50', type: 'LEARNED' }] };
    expect(notesOf(nic(secondary), vm({ nic_list: [{ mac_address: '50:6b:8d:00:00:08', ...secondary }] }))).toEqual([
      expect.stringMatching(/the address 10\.0\.0\.77 as its source has/),
    ]);
    expect(notesOf(nic(fixed), vm(nic(fixed)))).toEqual([
      expect.stringMatching(/the MAC address 50:6b:8d:00:00:09, the address 10\.0\.0\.50/),
    ]);
  });

  it('tells of categories that it lost', () => {
    const categories = (mapping: JsonObject) => ({ categories_mapping: mapping });
    const source = vm({}, categories({ Environment: ['Dev', 'Production'] }));
    expect(copyNotes(source, vm(own, categories({ Environment: ['Dev'] })), new Map())).toEqual([
      expect.stringMatching(/not in the categories Environment:Production of/),
    ]);
    expect(copyNotes(source, vm(own, categories({ Environment: ['Production', 'Dev'] })), new Map())).toEqual([]);
  });

  it('says nothing of user data of its own', () => {
    const seed = (text: string) => ({ guest_customization: { cloud_init: { user_data: text } } });
    expect(notesOf(seed('eA=='), vm({ ...seed('eQ=='), ...own }))).toEqual([]);
  });
});

describe('a shared volume group', () => {
  it('is taken out of a spec, and nothing else', () => {
    const source = vm({ disk_list: [attached(group), attached(other), { uuid: 'a' }] });
    expect(volumeGroupsOf(objectAt(objectAt(source, 'status'), 'resources'))).toEqual([group, other]);
    const spec = objectAt(source, 'spec');
    expect(detachShared(spec, [group])).toBe(true);
    expect(objectsAt(objectAt(spec, 'resources'), 'disk_list')).toEqual([attached(other), { uuid: 'a' }]);
    expect(detachShared(spec, [group])).toBe(false);
  });
});
