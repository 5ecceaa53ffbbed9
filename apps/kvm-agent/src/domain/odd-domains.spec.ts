import { describe, expect, it } from '@jest/globals';
import { interfaceXml } from '../lifecycle/nic-xml.ts';
import { EditableXml } from '../xml-edit.ts';
import { isDisk, pendingChanges, readDomain } from './domain-reader.ts';

interface Parts {
  readonly name?: string;
  readonly head?: string;
  readonly os?: string;
  readonly devices?: string;
  readonly tail?: string;
}

/** As other tools leave it behind. */
const domain = ({ name = 'odd', head = '<memory unit="MiB">64</memory><vcpu>1</vcpu>', ...parts }: Parts): string =>
  `<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><name>${name}</name>
   <uuid>e46d6750-8960-4c2a-9c2a-fb0be701ce33</uuid>${head}
   <os><type arch='x86_64' machine='pc'>hvm</type>${parts.os ?? ''}</os>
   <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>${parts.devices ?? ''}</devices>${parts.tail ?? ''}</domain>`;

const disk = (type: string, source: string, device: string): string =>
  `<disk type='${type}' device='disk'><driver name='qemu'/>${source}<target dev='${device}' bus='virtio'/></disk>`;

describe('disks of every kind', () => {
  const devices = [
    disk('network', `<source protocol='rbd' name='pool1/img1'><host name='10.0.0.9' port='6789'/></source>`, 'vda'),
    disk('network', `<source protocol='nbd' name='exp1'><host name='10.0.0.9'/></source>`, 'vdb'),
    disk('block', `<source dev='/dev/vg/none'/>`, 'vdc'),
    disk('dir', `<source dir='/srv/share'/>`, 'vdd'),
    disk('nvme', `<source type='pci' namespace='1'><address bus='0x01'/></source>`, 'vde'),
    `<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>`,
    `<disk type='file' device='floppy'><target dev='fda' bus='fdc'/></disk>`,
    disk('volume', `<source pool='case-pool' volume='case-a.qcow2'/>`, 'vdf'),
    disk('file', `<source file='/pool/a b.raw'/>`, 'vdg'),
    disk('network', `<source protocol='https' name='img.iso'><host transport='unix' socket='/run/x'/></source>`, 'vdh'),
  ].join('');
  const disks = readDomain(domain({ devices })).disks.filter(isDisk);

  it('are all there, and a drive without a medium is none of them', () => {
    expect(disks.map(({ device }) => device)).toEqual(['vda', 'vdb', 'vdc', 'vdd', 'vde', 'vdf', 'vdg', 'vdh']);
  });

  it('have a path where they are on this host, and nothing that looks like one elsewhere', () => {
    expect(disks.map(({ path }) => path)).toEqual([
      undefined,
      undefined,
      '/dev/vg/none',
      '/srv/share',
      undefined,
      undefined,
      '/pool/a b.raw',
      undefined,
    ]);
    expect(disks[5]!.source).toEqual({ kind: 'volume', pool: 'case-pool', volume: 'case-a.qcow2' });
    expect(disks[0]!.source).toMatchObject({
      kind: 'network',
      protocol: 'rbd',
      name: 'pool1/img1',
      hosts: ['10.0.0.9'],
    });
  });

  it('wait for the next start when the running machine has others, also behind the same device', () => {
    const one = readDomain(domain({ devices: disk('file', `<source file='/a'/>`, 'vda') }));
    const other = readDomain(domain({ devices: disk('file', `<source file='/b'/>`, 'vda') }));
    const running = readDomain(domain({ devices: disk('file', `<source file='/a' index='1'/>`, 'vda') }));
    expect(pendingChanges(running, one)).toEqual([]);
    const gone = { pointer: '/disks/0', from: { device: 'vda', path: '/a' } };
    expect(pendingChanges(running, other)).toEqual([gone, { pointer: '/disks/-', to: { device: 'vda', path: '/b' } }]);
    expect(pendingChanges(running, readDomain(domain({})))).toEqual([gone]);
  });
});

describe('interfaces of every kind', () => {
  const xml = domain({
    devices: `
<interface type='user'><mac address='52:54:00:AA:05:01'/></interface>
<interface type='direct'><mac address='52:54:00:aa:05:02'/><source dev='lo' mode='bridge'/></interface>
<interface type='ethernet'><mac address='52:54:00:aa:05:03'/><target dev='casetap0'/></interface>
<interface type='vhostuser'><mac address='52:54:00:aa:05:04'/><source type='unix' path='/tmp/v.sock' mode='client'/></interface>
<interface type='bridge'><mac address='52:54:00:aa:05:05'/><source bridge='br-none'/></interface>
<interface type='network'><mac address='52:54:00:aa:05:06'/><source network='lab' portgroup='vlan-10'/></interface>
<interface type='network'><mac address='52:54:00:aa:05:06'/><source network='default'/></interface>
<interface type='udp'><mac address='52:54:00:aa:05:07'/><source address='127.0.0.1' port='11115'/></interface>
<interface type='hostdev'><mac address='52:54:00:aa:05:08'/><source><address type='pci' bus='0'/></source></interface>`,
  });

  it('are named by what they are on, or by their kind', () => {
    expect(readDomain(xml).nics.map(({ mac, network }) => `${mac.slice(-2)} ${network}`)).toEqual([
      '01 user',
      '02 lo',
      '03 ethernet',
      '04 vhostuser',
      '05 br-none',
      '06 lab',
      '06 default',
      '07 udp',
      '08 hostdev',
    ]);
  });

  it('are found for a removal as they stand there, whatever their kind', () => {
    expect(interfaceXml(xml, '52:54:00:aa:05:01')).toEqual([expect.stringContaining(`type="user"`)]);
    expect(interfaceXml(xml, '52:54:00:aa:05:04')).toEqual([expect.stringContaining('/tmp/v.sock')]);
    expect(interfaceXml(xml, '52:54:00:aa:05:06')).toHaveLength(2);
    expect(interfaceXml(xml, '52:54:00:aa:05:99')).toEqual([]);
  });
});

it.each([
  ['flash', `<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>`, 'uefi'],
  ['a ROM of OVMF', `<loader type='rom'>/usr/share/ovmf/OVMF.fd</loader>`, 'uefi'],
  ['a ROM of edk2', `<loader type='rom'>/usr/share/edk2/x64/CODE.fd</loader>`, 'uefi'],
  ['a ROM of SeaBIOS', `<loader type='rom'>/usr/share/seabios/bios-256k.bin</loader>`, 'bios'],
  ['SeaBIOS in a folder of UEFI machines', `<loader>/srv/edk2-vms/bios.bin</loader>`, 'bios'],
  ['a ROM that nobody knows', `<loader type='rom'>/srv/coreboot.rom</loader>`, undefined],
  ['nothing', '', 'bios'],
])('takes firmware for what it is: %s', (_, os, firmware) => {
  expect(readDomain(domain({ os })).firmware).toBe(firmware);
});

it.each([
  ['<os firmware="efi">', 'uefi'],
  ['<os firmware="bios">', 'bios'],
])('believes libvirt where it chose the firmware: %s', (os, firmware) => {
  expect(readDomain(domain({}).replace('<os>', os)).firmware).toBe(firmware);
});

it.each([
  ['-bios', '/usr/share/ovmf/OVMF.fd'],
  ['-drive', 'if=pflash,format=raw,file=/srv/code.fd'],
])('sees firmware that is handed to QEMU past libvirt: %s %s', (option, value) => {
  const tail = `<qemu:commandline><qemu:arg value='${option}'/><qemu:arg value='${value}'/></qemu:commandline>`;
  expect(readDomain(domain({ tail })).firmware).toBe('uefi');
});

describe('a machine of parts', () => {
  it('has the CPUs that are plugged in, the room for more, and its topology', () => {
    const head = `<memory unit='MiB'>64</memory><vcpu placement='static' current='2'>4</vcpu>
      <cpu><topology sockets='1' dies='1' cores='2' threads='2'/></cpu>`;
    expect(readDomain(domain({ head }))).toMatchObject({
      cpus: 2,
      maximumCpus: 4,
      topology: { sockets: 1, dies: 1, cores: 2, threads: 2 },
    });
  });

  it('has the memory of its NUMA cells', () => {
    const head = `<memory unit='KiB'>131072</memory><vcpu>2</vcpu><cpu><numa>
      <cell id='0' cpus='0' memory='65536' unit='KiB'/><cell id='1' cpus='1' memory='64' unit='MiB'/></numa></cpu>`;
    expect(readDomain(domain({ head }))).toMatchObject({ memoryMiB: 128, numaCellsMiB: [64, 64] });
  });

  it('is not read without its memory: a number that is not there is no zero', () => {
    expect(() => readDomain(domain({ head: '<vcpu>1</vcpu>' }))).toThrow(SyntaxError);
  });
});

describe('text of other tools', () => {
  it.each([' leading', 'a\ttab', '50%2Foff', 'Ünïcode-日本-🚀', '$(reboot); `x` "y"', 'x'.repeat(200)])(
    'keeps the name %j',
    (name) => {
      const written = name.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
      expect(readDomain(domain({ name: written })).name).toBe(name);
    },
  );

  it('may hold any number of characters that XML escapes, in all that is ever read', () => {
    const line = 'if a &lt; b &amp;&amp; c &gt; d then &quot;x&quot;\n';
    const xml = domain({ tail: `<description>${line.repeat(5_000)}</description>` });
    for (let time = 0; time < 3; time += 1) expect(readDomain(xml).name).toBe('odd');
    expect(new EditableXml(xml).toString()).toContain(line.repeat(5_000));
  });

  it('comes out of an edit as it went in: sections, numbers of characters, comments', () => {
    const tail = `<metadata><x:note xmlns:x="urn:x"><![CDATA[a<b & c]]></x:note><!-- kept --><x:y>a&#13;&#xA;b &#x1F600;</x:y></metadata>`;
    const edited = new EditableXml(domain({ tail })).toString();
    expect(edited).toContain('<![CDATA[a<b & c]]>');
    expect(edited).toContain('<!-- kept -->');
    expect(edited).not.toContain('&amp;#');
    expect(edited).toContain('😀');
  });
});

describe('displays', () => {
  const vnc = (graphics: string) => readDomain(domain({ devices: graphics })).vnc;

  it.each([
    [
      'a socket of libvirt',
      `<graphics type='vnc' socket='/q/v.sock'><listen type='socket' socket='/q/v.sock'/></graphics>`,
      { path: '/q/v.sock' },
    ],
    [
      'a socket in the listener',
      `<graphics type='vnc'><listen type='socket' socket='/q/v.sock'/></graphics>`,
      { path: '/q/v.sock' },
    ],
    ['a port', `<graphics type='vnc' port='5901' listen='127.0.0.1'/>`, { host: '127.0.0.1', port: 5901 }],
    [
      'a port of a listener',
      `<graphics type='vnc' port='5901'><listen type='address' address='10.1.2.3'/></graphics>`,
      { host: '10.1.2.3', port: 5901 },
    ],
    ['all addresses', `<graphics type='vnc' port='5901' listen='0.0.0.0'/>`, { host: '127.0.0.1', port: 5901 }],
    [
      'all addresses of IPv6',
      `<graphics type='vnc' port='5901'><listen type='address' address='::'/></graphics>`,
      { host: '::1', port: 5901 },
    ],
    ['no listener', `<graphics type='vnc' port='-1'><listen type='none'/></graphics>`, undefined],
    ['a port that is not chosen yet', `<graphics type='vnc' port='-1' autoport='yes'/>`, undefined],
    [
      'another display beside it',
      `<graphics type='spice' port='5900'/><graphics type='vnc' port='5901'/>`,
      { host: '127.0.0.1', port: 5901 },
    ],
  ])('listen on %s', (_, graphics, address) => {
    expect(vnc(graphics)).toEqual({ address, password: undefined });
  });

  it('may be of another kind, or not there, and is none then', () => {
    expect(vnc(`<graphics type='spice' port='5900'/>`)).toBeUndefined();
    expect(vnc('<serial type="pty"/>')).toBeUndefined();
  });

  it('has a password in a definition with its secrets', () => {
    expect(vnc(`<graphics type='vnc' port='5901' passwd='s3cret'/>`)).toMatchObject({ password: 's3cret' });
  });

  it.each([
    ['', 'odd'],
    [`<qemu:arg value='-name'/><qemu:arg value='guest=own,debug-threads=on'/>`, 'own'],
    [`<qemu:arg value='-name'/><qemu:arg value='a,,b,process=x'/>`, 'a,b'],
    [`<qemu:arg value='-nodefaults'/>`, 'odd'],
  ])('announce themselves by name: %s', (args, name) => {
    const tail = `<qemu:commandline>${args}</qemu:commandline>`;
    expect(readDomain(domain({ tail })).announcedName).toBe(name);
  });
});
