import { describe, expect, it } from '@jest/globals';
import { derivedMac } from '@polyvirt/hypervisor';
import { cloneDefinition, withDiskSources, type CloneEdits } from './domain-edits.ts';
import { readDomain } from './domain-reader.ts';

const original = `<domain type="qemu">
  <name>source</name><uuid>6695eb01-f6a4-8304-79aa-97f2502e193f</uuid><genid>43dc0cf8-809b-4adb-9bea-a9abb5f3d90e</genid>
  <metadata><other:tool xmlns:other="urn:other">kept</other:tool><polyvirt:vm xmlns:polyvirt="https://polyvirt.dev/libvirt/1"><polyvirt:pendingName>x</polyvirt:pendingName></polyvirt:vm></metadata>
  <memory unit="MiB">64</memory><vcpu>1</vcpu>
  <os><type>hvm</type><loader type="pflash">/OVMF_CODE.fd</loader><nvram>/nvram/source.fd</nvram></os>
  <devices>
    <disk type="block" device="disk"><driver name="qemu" type="raw"/><source dev="/dev/vg/a"/><target dev="vda"/></disk>
    <disk type="file" device="cdrom"><source file="/pool/source-seed.iso"/><target dev="sda"/></disk>
    <disk type="file" device="cdrom"><source file="/iso/tools.iso"/><target dev="sdb"/></disk>
    <disk type="file" device="disk"><driver name="qemu" type="qcow2"/><source file="/pool/b.qcow2"/><backingStore type="file"/><target dev="vdb"/></disk>
    <interface type="network"><mac address="52:54:00:00:00:01"/><source network="default"/><target dev="tap7"/></interface>
    <channel type="unix"><source mode="bind" path="/run/source.agent"/><target type="virtio" name="org.qemu.guest_agent.0"/></channel>
    <graphics type="vnc" port="5999" autoport="no"/>
    <watchdog model="i6300esb"/>
  </devices>
</domain>`;

const edits: CloneEdits = {
  name: `b "copy" <2>`,
  uuid: '0198a2b4-0000-7000-8000-000000000001',
  diskPaths: ['/pool/new-a.qcow2', '/pool/new-b.qcow2'],
  dropMedium: (path) => path.endsWith('source-seed.iso'),
  createdAt: '2026-11-21T10:00:00Z',
};

describe('the definition of a clone', () => {
  const xml = cloneDefinition(original, edits);

  it('has a name, id, disks and addresses of its own', () => {
    expect(readDomain(xml)).toMatchObject({
      name: edits.name,
      uuid: edits.uuid,
      createdAt: edits.createdAt,
      pendingName: undefined,
      nvram: undefined,
      nics: [{ mac: derivedMac(edits.uuid, 0), network: 'default' }],
      disks: [
        { device: 'vda', path: '/pool/new-a.qcow2' },
        { device: 'sda', kind: 'cdrom', path: undefined },
        { device: 'sdb', kind: 'cdrom', path: '/iso/tools.iso' },
        { device: 'vdb', path: '/pool/new-b.qcow2' },
      ],
    });
  });

  it('carries nothing that only the source may use', () => {
    for (const own of [
      '6695eb01',
      'genid',
      '/nvram/source.fd',
      '/run/source.agent',
      'tap7',
      '/dev/vg/a',
      'backingStore',
      '5999',
    ])
      expect(xml).not.toContain(own);
    expect(xml).toContain('type="qcow2"');
    expect(xml).not.toContain('type="raw"');
  });

  it('keeps what it does not know', () => {
    expect(xml).toContain('i6300esb');
    expect(xml).toContain('kept</other:tool>');
    expect(xml).toContain('/OVMF_CODE.fd');
  });

  it('is not made with a disk of the source left in it', () => {
    expect(() => cloneDefinition(original, { ...edits, diskPaths: ['/pool/new-a.qcow2'] })).toThrow(RangeError);
  });
});

it('moves a machine onto other files, and only there', () => {
  const { disks, name } = readDomain(withDiskSources(original, new Map([['vdb', '/pool/overlay.qcow2']])));
  expect(name).toBe('source');
  expect(disks.map(({ path }) => path)).toEqual([
    '/dev/vg/a',
    '/pool/source-seed.iso',
    '/iso/tools.iso',
    '/pool/overlay.qcow2',
  ]);
});
