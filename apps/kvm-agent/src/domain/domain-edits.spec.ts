import { describe, expect, it } from '@jest/globals';
import { withDiskSources, type DiskPlace } from './domain-edits.ts';
import { readDomain } from './domain-reader.ts';

const original = `<domain type="qemu">
  <name>source</name><uuid>6695eb01-f6a4-8304-79aa-97f2502e193f</uuid><memory unit="MiB">64</memory><vcpu>1</vcpu>
  <metadata><other:tool xmlns:other="urn:other">kept</other:tool></metadata>
  <devices>
    <disk type="block" device="disk"><driver name="qemu" type="raw"/><source dev="/dev/vg/a"/><target dev="vda"/></disk>
    <disk type="file" device="cdrom"><source file="/iso/tools.iso"/><target dev="sdb"/></disk>
    <disk type="file" device="disk"><driver name="qemu" type="raw"/><source file="/pool/b.img"><seclabel model="dac" relabel="no"/></source><backingStore type="file"/><target dev="vdb"/></disk>
    <disk type="volume" device="disk"><driver name="qemu" type="qcow2"/><source pool="p" volume="c"/><target dev="vdc"/></disk>
  </devices>
</domain>`;

const places = (xml: string) => {
  const { disks } = readDomain(xml);
  return Object.fromEntries(disks.map(({ device, source, format }) => [device, { source, format }]));
};

describe('a machine that is moved onto other files', () => {
  const overlay = (path: string): DiskPlace => ({ source: { kind: 'file', path }, format: 'qcow2' });
  const moved = withDiskSources(
    original,
    new Map([
      ['vdb', overlay('/pool/overlay-b.qcow2')],
      ['vdc', overlay('/pool/overlay-c.qcow2')],
    ]),
    ['/pool/b.img'],
  );

  it('has them there, and only there', () => {
    expect(places(moved)).toEqual({
      ...places(original),
      vdb: overlay('/pool/overlay-b.qcow2'),
      vdc: overlay('/pool/overlay-c.qcow2'),
    });
    expect(moved).toContain('relabel="no"');
    expect(moved).not.toContain('backingStore');
    expect(moved).toContain('kept</other:tool>');
  });

  it('knows which files became bases by it, each once', () => {
    expect(readDomain(moved).bases).toEqual(['/pool/b.img']);
    expect(readDomain(withDiskSources(moved, new Map(), ['/pool/b.img', '/pool/c'])).bases).toEqual([
      '/pool/b.img',
      '/pool/c',
    ]);
  });

  it('is as it was when it is moved back: a raw disk is raw, a volume is a volume', () => {
    const before = places(original);
    const back = new Map(['vdb', 'vdc'].map((device) => [device, before[device] as DiskPlace]));
    expect(places(withDiskSources(moved, back, []))).toEqual(before);
  });
});
