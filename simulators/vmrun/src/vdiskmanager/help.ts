import type { Knobs } from '../knobs/catalogue.ts';

/** Banner and usage, printed for a call that asks for nothing or for something unknown. */
export function diskHelp({ productBuild }: Knobs): string[] {
  return [
    `VMware Virtual Disk Manager - build ${productBuild}.`,
    'Usage: vmware-vdiskmanager OPTIONS <disk-name> | <mount-point>',
    'Offline disk manipulation utility',
    '',
    '  Operations, only one may be specified at a time:',
    '     -c                   : create disk; needs -s, -a and -t',
    '     -d                   : defragment the disk',
    '     -k                   : shrink the disk',
    '     -n <source-disk>     : rename the disk; the new name follows',
    '     -p                   : prepare the mounted volume for shrinking',
    '     -r <source-disk>     : convert the disk; needs -t and the new name',
    '     -x <new-capacity>    : expand the disk to the capacity',
    '     -R                   : check and repair the disk',
    '     -e                   : check the chain of the disk',
    '     -D                   : make the disk deletable',
    '     -U                   : delete the disk with all its links',
    '',
    '  Other options:',
    '     -q                   : do not log messages',
    '     -s <size>            : capacity with KB, MB or GB, or sectors; 1MB to 8192GB',
    '     -a <adapter-type>    : ide, buslogic or lsilogic',
    '     -t <disk-type>       : 0 growable, 1 growable split in 2GB, 2 preallocated,',
    '                            3 preallocated split in 2GB, 4 preallocated ESX,',
    '                            5 compressed stream, 6 thin ESX',
    '',
  ];
}
