import { describe, expect, it } from '@jest/globals';
import { derivedMac } from '@polyvirt/hypervisor';
import { cloneDefinition, type CloneEdits } from './clone-definition.ts';
import { readDomain } from './domain-reader.ts';
import { EditableXml } from '../xml-edit.ts';

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
  bases: ['/images/base "1".qcow2'],
  nvram: '/nvram/clone.fd',
  dropMedium: (path) => path.endsWith('source-seed.iso'),
  nextPort: (from) => from + 1,
  createdAt: '2026-11-21T10:00:00Z',
};

describe('the definition of a clone', () => {
  const { xml, notes } = cloneDefinition(original, edits);

  it('has a name, id, disks and addresses of its own', () => {
    expect(readDomain(xml)).toMatchObject({
      name: edits.name,
      uuid: edits.uuid,
      createdAt: edits.createdAt,
      pendingName: undefined,
      nvram: '/nvram/clone.fd',
      bases: edits.bases,
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
      '43dc0cf8',
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

  it('has nothing to tell when nothing is shared', () => {
    expect(notes).toEqual([]);
    expect(cloneDefinition(original, { ...edits, nvram: null }).xml).not.toContain('<nvram');
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

const source = (devices: string, rest = '') =>
  `<domain type="qemu"><name>source</name><uuid>6695eb01-f6a4-8304-79aa-97f2502e193f</uuid><memory>65536</memory><vcpu>1</vcpu>${rest}<devices>${devices}</devices></domain>`;
const cloned = (devices: string, rest = '') =>
  cloneDefinition(source(devices, rest), { ...edits, diskPaths: [], bases: [], nvram: null });

describe('what the definition of a clone names on the host', () => {
  it('has its UUID in the tables of the firmware too, or libvirt refuses it', () => {
    const { xml } = cloned(
      '',
      '<sysinfo type="smbios"><system><entry name="manufacturer">Example</entry><entry name="uuid">6695eb01-f6a4-8304-79aa-97f2502e193f</entry></system></sysinfo>',
    );
    expect(xml).toContain(`<entry name="uuid">${edits.uuid}</entry>`);
    expect(xml).toContain('<entry name="manufacturer">Example</entry>');
  });

  it('gets files, sockets and ports of its own to listen and write on, and the notes say which', () => {
    const { xml, notes } = cloned(`
      <serial type="tcp"><source mode="bind" host="127.0.0.1" service="45017"/><protocol type="telnet"/><target port="0"/></serial>
      <serial type="file"><source path="/logs/source.log" append="on"/><log file="/logs/boot.log"/><target port="1"/></serial>
      <console type="tcp"><source mode="bind" host="127.0.0.1" service="45017"/><target type="serial" port="0"/></console>
      <serial type="unix"><source mode="bind" path="/run/a.sock"/><target port="2"/></serial>
      <parallel type="udp"><source mode="bind" host="127.0.0.1" service="7000"/><source mode="connect" host="10.0.0.1" service="7001"/></parallel>
      <channel type="unix"><source mode="bind" path="/run/source.agent"/><target type="virtio" name="org.qemu.guest_agent.0"/></channel>
      <channel type="unix"><source mode="bind" path="/run/fwd"/><target type="guestfwd" address="10.0.2.1" port="4600"/></channel>`);
    for (const taken of [
      '"45017"',
      '/logs/source.log',
      '/logs/boot.log',
      '/run/a.sock',
      '"7000"',
      '/run/source.agent',
      '"/run/fwd"',
    ])
      expect(xml).not.toContain(taken);
    expect(xml.match(/service="45018"/g)).toHaveLength(2);
    for (const own of [
      `/logs/source-${edits.uuid}.log`,
      `/logs/boot-${edits.uuid}.log`,
      `/run/a-${edits.uuid}.sock`,
      '7001',
    ])
      expect(xml).toContain(own);
    const told = notes.join('\n');
    for (const own of [
      `/logs/source-${edits.uuid}.log`,
      `/run/a-${edits.uuid}.sock`,
      'port 45018',
      'port 7001',
      `/run/fwd-${edits.uuid}`,
    ])
      expect(told).toContain(own);
  });

  it('has displays whose ports and sockets libvirt gives at each start', () => {
    const { xml, notes } = cloned(`
      <graphics type="vnc" port="5999" autoport="no" websocket="5700" listen="127.0.0.1" passwd="kept"/>
      <graphics type="spice" port="5901" tlsPort="5902" autoport="no"/>
      <graphics type="vnc"><listen type="socket" socket="/run/source.vnc"/></graphics>
      <graphics type="vnc" socket="/run/old.vnc"/>
      <vsock model="virtio"><cid auto="no" address="3"/></vsock>`);
    for (const taken of ['5999', '5700', '5901', '5902', '/run/source.vnc', '/run/old.vnc', 'address="3"'])
      expect(xml).not.toContain(taken);
    expect(xml).toContain('passwd="kept"');
    expect(xml).toContain('auto="yes"');
    expect(notes).toEqual([]);
  });

  it.each([
    [
      '<hostdev mode="subsystem" type="pci"><source><address domain="0x0" bus="0x3" slot="0x2" function="0x1"/></source></hostdev>',
      '0x3',
    ],
    [
      '<interface type="hostdev"><mac address="52:54:00:00:00:01"/><source><address type="pci" bus="0x7"/></source></interface>',
      '0x7',
    ],
    [
      '<interface type="vhostuser"><mac address="52:54:00:00:00:01"/><source type="unix" path="/run/vhost.sock" mode="client"/></interface>',
      '/run/vhost.sock',
    ],
    [
      '<interface type="udp"><source address="127.0.0.1" port="11115"><local address="127.0.0.1" port="11116"/></source></interface>',
      '11116',
    ],
    ['<interface type="direct"><source dev="eth7" mode="passthrough"/></interface>', 'eth7'],
    [
      '<interface type="user"><portForward proto="tcp" address="0.0.0.0"><range start="2222" to="22"/></portForward></interface>',
      '2222',
    ],
    ['<filesystem type="mount"><source dir="/srv/common"/><target dir="tag"/></filesystem>', '/srv/common'],
    ['<shmem name="ring"/>', 'ring'],
    ['<lease><lockspace>l</lockspace><key>k1</key><target path="/leases"/></lease>', '/leases'],
    ['<tpm model="tpm-tis"><backend type="passthrough"><device path="/dev/tpm0"/></backend></tpm>', '/dev/tpm0'],
    ['<memory model="nvdimm"><source><path>/srv/nvdimm.img</path></source></memory>', '/srv/nvdimm.img'],
    ['<input type="evdev"><source dev="/dev/input/event9"/></input>', '/dev/input/event9'],
    ['<audio id="1" type="file" path="/srv/sound.wav"/>', '/srv/sound.wav'],
    ['<serial type="dev"><source path="/dev/ttyS0"/></serial>', '/dev/ttyS0'],
    ['<serial type="pipe"><source path="/run/pipe"/></serial>', '/run/pipe'],
    ['<serial type="tcp"><source mode="connect" host="collector" service="4555"/></serial>', 'collector:4555'],
    ['<graphics type="dbus" address="unix:path=/run/bus"/>', '/run/bus'],
    ['<gadget socket="/run/of-a-future-libvirt"/>', '/run/of-a-future-libvirt'],
  ])('is told where it is shared: %s', (device, told) => {
    expect(cloned(device).notes).toEqual([expect.stringContaining(told)]);
  });

  it('is told where it is handed to QEMU past libvirt', () => {
    const { notes, xml } = cloneDefinition(
      source('').replace(
        '</domain>',
        '<qemu:commandline><qemu:arg value="-serial"/><qemu:arg value="tcp::9"/></qemu:commandline></domain>',
      ),
      { ...edits, diskPaths: [], bases: [], nvram: null },
    );
    expect(notes).toEqual([expect.stringContaining('-serial tcp::9')]);
    expect(xml).toContain('value="tcp::9"');
  });

  it('keeps texts as they are, however many characters they escape', () => {
    const description = 'if a &lt; b &amp;&amp; c &gt; d then &quot;x&quot;\n'.repeat(300);
    const rest = `<title>A &amp; B</title><description>${description}</description><metadata><app:x xmlns:app="urn:app"><app:note><![CDATA[a<b & c]]></app:note><!-- kept --></app:x></metadata>`;
    const { xml } = cloned('', rest);
    expect(xml).toContain('<![CDATA[a<b & c]]>');
    expect(xml).toContain('<!-- kept -->');
    expect(new EditableXml(xml).root.child('description')!.text).toBe('if a < b && c > d then "x"\n'.repeat(300));
  });
});
