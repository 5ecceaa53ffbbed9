import { describe, expect, it } from '@jest/globals';
import { permissions, rolePermissions } from '@polyvirt/contracts';
import { seesFolders, withoutFolders } from './host-folders.ts';

const shown = (value: unknown) => JSON.parse(withoutFolders(JSON.stringify(value))) as unknown;

describe('where a host keeps its files', () => {
  it('is known to operators and admins, and to tokens that were given it', () => {
    const roles = Object.entries(rolePermissions).filter(([, may]) => seesFolders({ permissions: may }));
    expect(roles.map(([role]) => role)).toEqual(['operator', 'admin']);
    const others = new Set(permissions.filter((permission) => permission !== 'host:files'));
    expect(seesFolders({ permissions: others })).toBe(false);
    expect(seesFolders(null)).toBe(false);
  });

  it.each([
    ['/srv/hidden/a.qcow2', '…/a.qcow2'],
    ['Cannot open /srv/hidden/a.qcow2: no such file.', 'Cannot open …/a.qcow2: no such file.'],
    ['Neither "/srv/hidden store/a b.qcow2" nor (/hidden/b)', 'Neither "…/a b.qcow2" nor (…/b)'],
    ['file:///srv/hidden/a, path=/srv/hidden/b;', 'file://…/a, path=…/b;'],
    ["<source file='/srv/hidden/a.qcow2'/></disk>", "<source file='…/a.qcow2'/></disk>"],
    ['<emulator>/usr/hidden/qemu</emulator>', '<emulator>…/qemu</emulator>'],
    ['scsi0:0.fileName = "D:\\hidden\\a b\\c.vmdk"', 'scsi0:0.fileName = "…/c.vmdk"'],
    ['C:/hidden/a.vmx is in use', '…/a.vmx is in use'],
    ['\\\\server\\hidden\\a.vmx is away', '…/a.vmx is away'],
    ['vmrun -T ws start "/home/hidden me/a/a.vmx" nogui', 'vmrun -T ws start "…/a.vmx" nogui'],
    ['/srv/hidden/', '…/'],
    ['/srv/hidden/a and /srv/hidden/b', '…/a and …/b'],
  ])('is not in %j', (text, left) => {
    expect(shown({ detail: [text] })).toEqual({ detail: [left] });
  });

  it.each([
    'https://example.org/a/b.iso',
    '192.168.122.0/24 and fd00::/64',
    'QEMU/9.0 with kvm/qemu, and/or none',
    'https://prism.example:9440/api/nutanix/v3',
    '/api/v1/operations/7 shows how far it is.',
    'Send it to POST /api/v1/auth/confirm, then ask again; GET /audit/verify as well.',
    '<a><b/></a></b> 1 / 2 // 3',
    '[datastore1] web/web.vmx',
    'vm_files/domain.xml',
    '/web-1',
    'ein „Weg“ 🚀 \\ und "Zitat"',
  ])('leaves %j as it is', (text) => {
    expect(shown({ detail: text, [text]: 1 })).toEqual({ detail: text, [text]: 1 });
  });

  it('is not in a field that holds a path, whatever is in its name', () => {
    const path = '/srv/hidden, "so" <it> is; with more than six words, one after the other/a.qcow2';
    expect(shown({ disks: [{ device: 'vda', path }], files: [path, path] })).toEqual({
      disks: [{ device: 'vda', path: '…/a.qcow2' }],
      files: ['…/a.qcow2', '…/a.qcow2'],
    });
  });

  it('leaves places in a body, sources of events and numbers to the letter', () => {
    const json =
      '{"size_gb": 20.0, "type":"/docs/problems#invalid-input","source":"/hosts/kvm-a/agent","url":"/api/v1/events?ticket=a/b/c",' +
      '"detail":"The body is not valid. /disks/0/sizeGiB: It must be a number.","errors":[{"pointer":"/disks/0/sizeGiB"}]}';
    expect(withoutFolders(json)).toBe(json);
  });

  it('takes no longer for a text that was made to take long', () => {
    const long = [
      '/'.repeat(200_000),
      '/a '.repeat(60_000),
      '/a b c d e f '.repeat(20_000),
      'C:\\a '.repeat(40_000),
      `/${'a '.repeat(90_000)}`,
      '\\'.repeat(100_000),
      '/a/'.repeat(60_000),
    ];
    // What grows faster than the text does not come to an end here.
    for (const text of long) expect(shown({ detail: text })).toBeDefined();
  });
});
