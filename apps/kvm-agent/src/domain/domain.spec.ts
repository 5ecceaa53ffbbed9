import { describe, expect, it } from '@jest/globals';
import { buildDomainXml, buildNicXml, diskDevice, type ResolvedMachine } from './domain-xml.ts';
import { pendingChanges, readDomain } from './domain-reader.ts';

const machine: ResolvedMachine = {
  name: `Zoë's "web" <1> & $(reboot) 🚀`,
  uuid: '0198a2b4-0000-7000-8000-000000000001',
  cpus: 2,
  memoryMiB: 512,
  acceleration: 'qemu',
  firmware: 'bios',
  disks: ['/pool/a b&c.qcow2', '/pool/d.qcow2'],
  cdroms: ['/pool/seed.iso'],
  nics: [{ network: 'default', mac: '52:54:00:00:00:01' }],
  createdAt: '2026-11-21T10:00:00Z',
};

describe('a domain definition', () => {
  it('reads back as it was written, whatever the name holds', () => {
    expect(readDomain(buildDomainXml(machine))).toMatchObject({
      name: machine.name,
      uuid: machine.uuid,
      cpus: 2,
      maximumCpus: 8,
      memoryMiB: 512,
      maximumMemoryMiB: 512,
      firmware: 'bios',
      disks: [
        { device: 'vda', kind: 'disk', path: '/pool/a b&c.qcow2', readonly: false },
        { device: 'vdb', kind: 'disk', path: '/pool/d.qcow2', readonly: false },
        { device: 'sda', kind: 'cdrom', path: '/pool/seed.iso', readonly: true },
      ],
      nics: [{ mac: '52:54:00:00:00:01', network: 'default' }],
      vnc: { address: undefined },
      createdAt: '2026-11-21T10:00:00Z',
      pendingName: undefined,
    });
  });

  it('asks for UEFI without secure boot, which unsigned systems do not pass', () => {
    const xml = buildDomainXml({ ...machine, firmware: 'uefi' });
    expect(xml).toContain('<os firmware="efi">');
    expect(xml).toContain('<feature enabled="no" name="secure-boot"');
    expect(readDomain(xml).firmware).toBe('uefi');
  });

  it('leaves numbers that are text as text', () => {
    expect(readDomain(buildDomainXml({ ...machine, name: '007' })).name).toBe('007');
  });

  it('has a free port for each device that may be plugged in', () => {
    const ports = buildDomainXml(machine).match(/model="pcie-root-port"/g);
    expect(ports).toHaveLength(3 + 8);
  });

  it('reads a definition that other tools wrote', () => {
    const definition = readDomain(`<domain type='kvm' id='3'>
      <name>old</name><uuid>6695eb01-f6a4-8304-79aa-97f2502e193f</uuid>
      <memory unit='GiB'>2</memory><currentMemory unit='KiB'>1048576</currentMemory><vcpu>4</vcpu>
      <os><type>hvm</type><loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader><nvram>/var/nvram/old.fd</nvram></os>
      <devices>
        <disk type='block' device='disk'><source dev='/dev/vg/old'/><target dev='sda'/></disk>
        <disk type='file' device='cdrom'><target dev='hda'/><readonly/></disk>
        <interface type='bridge'><mac address='52:54:00:AA:BB:CC'/><source bridge='br0'/></interface>
        <interface type='user'><mac address='52:54:00:00:00:02'/></interface>
        <graphics type='vnc' port='5901' listen='0.0.0.0'/>
      </devices></domain>`);
    expect(definition).toMatchObject({
      name: 'old',
      cpus: 4,
      maximumCpus: 4,
      memoryMiB: 1024,
      maximumMemoryMiB: 2048,
      firmware: 'uefi',
      nvram: '/var/nvram/old.fd',
      disks: [
        { device: 'sda', kind: 'disk', path: '/dev/vg/old' },
        { device: 'hda', kind: 'cdrom', path: undefined, readonly: true },
      ],
      nics: [
        { mac: '52:54:00:aa:bb:cc', network: 'br0' },
        { mac: '52:54:00:00:00:02', network: 'user' },
      ],
      vnc: { address: { host: '127.0.0.1', port: 5901 } },
    });
  });

  it('tells what waits for the next power-off', () => {
    const live = readDomain(buildDomainXml(machine));
    expect(pendingChanges(live, live)).toEqual([]);
    const next = readDomain(
      buildDomainXml({
        ...machine,
        cpus: 4,
        memoryMiB: 1024,
        disks: [machine.disks[0]!],
        nics: [...machine.nics, { network: 'lab', mac: '52:54:00:00:00:09' }],
      }),
    );
    expect(pendingChanges(live, next)).toMatchObject([
      { pointer: '/cpus', from: live.cpus, to: 4 },
      { pointer: '/memoryMiB', from: live.memoryMiB, to: 1024 },
      { pointer: '/disks/1', from: { device: live.disks[1]!.device } },
      { pointer: '/nics/-', to: { mac: '52:54:00:00:00:09', network: 'lab' } },
    ]);
    expect(pendingChanges({ ...live, pendingName: 'web-2' }, live)).toEqual([
      { pointer: '/name', from: live.name, to: 'web-2' },
    ]);
  });

  it('names disks beyond the alphabet', () => {
    expect([0, 25, 26, 31].map(diskDevice)).toEqual(['vda', 'vdz', 'vdaa', 'vdaf']);
  });

  it('escapes the name of a network', () => {
    expect(buildNicXml({ network: `a'b"<c>`, mac: '52:54:00:00:00:01' })).toMatch(
      /network="a(&apos;|')b&quot;&lt;c&gt;"/,
    );
  });
});
