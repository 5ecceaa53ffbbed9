import { describe, expect, it } from '@jest/globals';
import { withDiskSources, withPresentHardware, type DiskPlace } from './domain-edits.ts';
import { pendingChanges, readDomain } from './domain-reader.ts';

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

describe('the next start as the machine is now', () => {
  const machine = (id: string, cpus: string, memory: [number, number], devices: string) =>
    `<domain type='qemu'${id}><name>w</name><uuid>0198a2b4-0000-7000-8000-000000000001</uuid><title>kept</title>
      <memory unit='KiB'>${memory[0] * 1024}</memory><currentMemory unit='KiB'>${memory[1] * 1024}</currentMemory>
      ${cpus}<devices>${devices}</devices></domain>`;
  const nic = (mac: string, slot: number, live = '') =>
    `<interface type='network'><mac address='${mac}'/><source network='lab'${live && ` portid='p' bridge='virbr1'`}/>${live}<model type='virtio'/><address type='pci' bus='0x0${slot}' slot='0x00'/></interface>`;
  const running = (name: string) => `<target dev='vnet7'/><alias name='${name}'/>`;
  const disk = (device: string, file: string, live = '') =>
    `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${file}'${live && ` index='3'`}/>${live && '<backingStore/><alias name="virtio-disk1"/>'}<target dev='${device}' bus='virtio'/></disk>`;
  const [a, b, c] = ['52:54:00:00:00:0a', '52:54:00:00:00:0b', '52:54:00:00:00:0c'] as const;

  it('has its CPUs, memory, disks and interfaces, and nothing that libvirt made for the running one', () => {
    const live = machine(
      ` id='3'`,
      `<vcpu current='2'>8</vcpu>`,
      [256, 128],
      nic(a, 1, running('net0')) + nic(b, 2, running('net1')) + disk('vda', '/a') + disk('vdb', '/b', 'live'),
    );
    const next = machine(
      '',
      `<vcpu current='4'>16</vcpu>`,
      [512, 512],
      nic(a, 1) + nic(c, 2) + disk('vda', '/a') + disk('vdc', '/c'),
    );
    const edited = withPresentHardware(next, live);
    expect(pendingChanges(readDomain(live), readDomain(edited))).toEqual([]);
    expect(readDomain(edited)).toMatchObject({ cpus: 2, maximumCpus: 8, memoryMiB: 128, maximumMemoryMiB: 256 });
    expect(edited).toContain('<title>kept</title>');
    expect(edited).not.toMatch(/vnet7|alias|portid|virbr1|backingStore|index=/);
    // The place of the one that is not to come is free again.
    expect(edited.match(/bus="0x02"/g)).toHaveLength(1);
  });

  it('gives a device another place where its own is taken', () => {
    const live = machine(` id='3'`, '<vcpu>1</vcpu>', [64, 64], nic(a, 2, running('net0')));
    const next = machine(
      '',
      '<vcpu>1</vcpu>',
      [64, 64],
      `<sound model='ich9'><address type='pci' bus='0x02' slot='0x00'/></sound>`,
    );
    const edited = withPresentHardware(next, live);
    expect(edited.match(/bus="0x02"/g)).toHaveLength(1);
    expect(readDomain(edited).nics).toMatchObject([{ mac: a }]);
  });

  it('keeps the medium that is in the drive, and leaves alone what does not wait: a balloon between two sizes', () => {
    const drive = (file: string) =>
      `<disk type='file' device='cdrom'>${file}<target dev='sda' bus='sata'/><readonly/></disk>`;
    const live = machine(` id='3'`, '<vcpu>1</vcpu>', [256, 200], drive(`<source file='/x.iso'/>`));
    const next = machine('', '<vcpu>1</vcpu>', [256, 128], drive(''));
    const edited = withPresentHardware(next, live);
    expect(readDomain(edited)).toMatchObject({ memoryMiB: 128, maximumMemoryMiB: 256 });
    expect(edited).toContain('/x.iso');
  });
});
