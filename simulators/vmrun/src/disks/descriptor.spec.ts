import { describe, expect, it } from '@jest/globals';
import { Descriptor } from './descriptor.ts';

describe('Descriptor', () => {
  const text = [
    '# Disk DescriptorFile',
    'version=1',
    'CID=735de968',
    'parentCID=ffffffff',
    'createType="twoGbMaxExtentSparse"',
    '# Extent description',
    'RW 4192256 SPARSE "x-s001.vmdk"',
    'RW 100 FLAT "x-f002.vmdk" 16',
    '# The Disk Data Base',
    'ddb.adapterType = "lsilogic"',
    '',
  ].join('\n');

  it('reads keys and extents', () => {
    const descriptor = new Descriptor(`${text}\0\0\0`);
    expect(descriptor.contentId).toBe('735de968');
    expect(descriptor.parentContentId).toBeUndefined();
    expect(descriptor.get('ddb.adapterType')).toBe('lsilogic');
    expect(descriptor.sectors).toBe(4192356);
    expect(descriptor.extents[1]).toEqual({ sectors: 100, kind: 'FLAT', file: 'x-f002.vmdk', offset: 16 });
    expect(descriptor.text()).toBe(text);
  });

  it('changes and adds keys where they belong', () => {
    const descriptor = new Descriptor(text);
    descriptor.set('parentCID', '12345678');
    descriptor.set('parentFileNameHint', 'base.vmdk');
    descriptor.set('ddb.uuid', '60 00');
    const lines = descriptor.text().split('\n');
    expect(lines[3]).toBe('parentCID=12345678');
    expect(lines[5]).toBe('parentFileNameHint="base.vmdk"');
    expect(lines.at(-2)).toBe('ddb.uuid = "60 00"');
    expect(descriptor.parentHint).toBe('base.vmdk');
  });

  it('has no parent while the parent id says so, whatever the hint', () => {
    const descriptor = new Descriptor(text);
    descriptor.set('parentFileNameHint', 'base.vmdk');
    expect(descriptor.parentHint).toBeUndefined();
  });
});
