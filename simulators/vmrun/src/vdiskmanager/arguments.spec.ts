import { describe, expect, it } from '@jest/globals';
import { parseDiskArguments, sectorsOf } from './arguments.ts';

describe('arguments of vmware-vdiskmanager', () => {
  it('understands the calls that clients make', () => {
    expect(parseDiskArguments(['-c', '-t', '0', '-s', '20000MB', '-a', 'lsilogic', 'out.vmdk'])).toEqual({
      operation: '-c',
      type: '0',
      size: '20000MB',
      adapter: 'lsilogic',
      isQuiet: false,
      disks: ['out.vmdk'],
    });
    expect(parseDiskArguments(['-x', '61440MB', 'disk.vmdk'])).toMatchObject({ operation: '-x', size: '61440MB' });
    expect(parseDiskArguments(['-r', 'a.vmdk', '-t', '2', 'b.vmdk'])).toMatchObject({ disks: ['a.vmdk', 'b.vmdk'] });
    expect(parseDiskArguments(['--version'])).toEqual({ invalid: '-' });
  });

  it('reads sizes', () => {
    expect(sectorsOf('20GB', 'ide')).toBe(20 * 2 ** 21);
    expect(sectorsOf('40000M', 'ide')).toBe(40000 * 2 ** 11);
    expect(sectorsOf('2048', 'ide')).toBe(2048);
    expect(sectorsOf('2048KB', 'ide')).toBe(4096);
    for (const size of ['', 'big', '1KB', '9000GB', '5TB']) expect(sectorsOf(size, 'ide')).toBeUndefined();
    expect(sectorsOf('4000GB', 'buslogic')).toBeUndefined();
  });
});
