import { describe, expect, it } from '@jest/globals';
import { Dictionary } from '../dictionary/dictionary.ts';
import { adaptersOf, disksOf } from './devices.ts';
import { generateAddresses, locationUuid, renewIdentity } from './identity.ts';

describe('identity and devices', () => {
  it('makes uuids of the product in its form, by path', () => {
    expect(locationUuid('/a/a.vmx')).toMatch(/^56 4d( [0-9a-f]{2}){6}-[0-9a-f]{2}( [0-9a-f]{2}){7}$/);
    expect(locationUuid('/a/a.vmx')).not.toBe(locationUuid('/b/a.vmx'));
  });

  it('generates an address for each adapter that has none and wants one', () => {
    const vmx = Dictionary.of({
      'ethernet0.present': 'TRUE',
      'ethernet1.present': 'TRUE',
      'ethernet1.addressType': 'static',
      'ethernet1.address': '00:50:56:00:00:01',
      'ethernet2.present': 'TRUE',
      'ethernet3.present': 'FALSE',
    });
    renewIdentity(vmx, '56 4d 00 00 00 00 00 00-00 00 00 00 00 aa ff fb');
    generateAddresses(vmx);
    expect(vmx.get('ethernet0.generatedAddress')).toBe('00:0C:29:AA:FF:FB');
    expect(vmx.get('ethernet2.generatedAddress')).toBe('00:0C:29:AB:00:0F');
    expect(vmx.get('ethernet2.generatedAddressOffset')).toBe('20');
    expect(adaptersOf(vmx).map(({ index, address }) => [index, address])).toEqual([
      [0, '00:0C:29:AA:FF:FB'],
      [1, '00:50:56:00:00:01'],
      [2, '00:0C:29:AB:00:0F'],
    ]);
  });

  it('sees disks on present controllers and in range only', () => {
    const present = (node: string, extra: Record<string, string> = {}) => ({
      [`${node}.present`]: 'TRUE',
      [`${node}.fileName`]: `${node}.vmdk`,
      ...extra,
    });
    const vmx = Dictionary.of({
      'scsi0.present': 'TRUE',
      'sata0.present': 'TRUE',
      ...present('scsi0:0'),
      ...present('scsi0:7'),
      ...present('scsi0:16'),
      ...present('scsi1:0'),
      ...present('ide0:1'),
      ...present('sata0:1', { 'sata0:1.deviceType': 'cdrom-image', 'sata0:1.fileName': '/x.iso' }),
      ...present('sata0:2', { 'sata0:2.mode': 'independent-nonpersistent' }),
    });
    expect(disksOf(vmx).map(({ node, isIndependent }) => [node, isIndependent])).toEqual([
      ['scsi0:0', false],
      ['ide0:1', false],
      ['sata0:2', true],
    ]);
  });
});
