import { describe, expect, it } from '@jest/globals';
import { gunzipSync } from 'node:zlib';
import { Dictionary } from './dictionary.ts';
import {
  cdromOf,
  cpusOf,
  disksOf,
  firmwareOf,
  guestOsOf,
  isEncrypted,
  memoryOf,
  nameOf,
  nicsOf,
  suspendFileOf,
} from './hardware-reader.ts';
import {
  addNic,
  cloudInitEntries,
  diskDevice,
  dropCloudInit,
  newVmx,
  renewMacs,
  setCpus,
  type NewHardware,
} from './hardware-writer.ts';

describe('the CD-ROM drive of a .vmx file', () => {
  const drive = (device: string, type: string, fileName: string, more = '') =>
    `${device}.present = "TRUE"\n${device}.deviceType = "${type}"\n${device}.fileName = "${fileName}"\n${more}`;
  it.each([
    ['none', '', undefined],
    ['an image', drive('sata0:1', 'cdrom-image', '/iso/a.iso'), '/iso/a.iso'],
    [
      'an image that is not connected',
      drive('ide1:0', 'cdrom-image', 'a.iso', 'ide1:0.startConnected = "FALSE"\n'),
      null,
    ],
    ['the drive of the host', drive('ide1:0', 'cdrom-raw', 'auto detect'), null],
    ['the second of two', drive('ide1:0', 'atapi-cdrom', '') + drive('sata0:1', 'cdrom-image', 'b.iso'), 'b.iso'],
    ['a disk', drive('scsi0:0', 'scsi-hardDisk', 'a.vmdk'), undefined],
  ])('holds %s', (_, text, expected) => {
    expect(cdromOf(parse(text))).toBe(expected);
  });
});

const parse = (text: string) => Dictionary.parse(Buffer.from(text));
const hardware: NewHardware = {
  name: 'web "1"',
  operationId: '0193a5b1-0000-7000-8000-0123456789ab',
  createdAt: '2026-11-22T00:00:00.000Z',
  hardwareVersion: 21,
  guestOs: 'ubuntu-64',
  cpus: 2,
  memoryMiB: 2_048,
  firmware: 'uefi',
  disks: ['web.vmdk', 'web-1.vmdk'],
  cdrom: '/iso/tools.iso',
  nics: [
    { mac: '00:50:56:01:02:03', network: 'vmnet8' },
    { mac: '52:54:00:01:02:03', network: 'vmnet2' },
  ],
  stem: 'web',
};

describe('the hardware of a .vmx file', () => {
  it('has nothing twice that stands in it twice, and the last value of that', () => {
    const text = [
      'scsi0.present = "TRUE"',
      'scsi0:0.present = "TRUE"',
      'scsi0:0.fileName = "a.vmdk"',
      'SCSI0:0.Present = "TRUE"',
      'scsi0:0.filename = "b.vmdk"',
      'ethernet0.present = "TRUE"',
      'Ethernet0.present = "TRUE"',
      'ethernet1.present = "TRUE"',
      'ethernet1.present = "FALSE"',
    ].join('\n');
    expect(disksOf(parse(text))).toEqual([{ device: 'scsi0:0', fileName: 'b.vmdk' }]);
    expect(nicsOf(parse(text)).map(({ device }) => device)).toEqual(['ethernet0']);
  });

  it.each([
    ['disk.dsk', 'scsi-hardDisk', true],
    ['disk', 'disk', true],
    ['raw.vmdk', 'rawDisk', true],
    ['a.vmdk', undefined, true],
    ['old.dsk', undefined, false],
    ['tools.iso', 'cdrom-image', false],
    ['a.vmdk', 'scsi-passthru', false],
    ['', 'disk', false],
  ])('takes %j of the type %s for a disk: %s', (fileName, type, isDisk) => {
    const typed = type === undefined ? '' : `scsi1:3.deviceType = ${type}\n`;
    const vmx = parse(`scsi1.present = TRUE\nscsi1:3.present = TRUE\nscsi1:3.fileName = "${fileName}"\n${typed}`);
    expect(disksOf(vmx)).toHaveLength(isDisk ? 1 : 0);
  });

  it.each(['99999999999999999999', '0', '-2', '1.5', 'many', ''])('does not know the number %j', (number) => {
    const vmx = parse(`numvcpus = "${number}"\nmemsize = "${number}"`);
    expect([cpusOf(vmx), memoryOf(vmx)]).toEqual([undefined, undefined]);
  });

  it('is read as it was written', () => {
    const vmx = Dictionary.parse(Dictionary.of(newVmx(hardware)).bytes());
    expect(nameOf(vmx)).toBe('web "1"');
    expect([cpusOf(vmx), memoryOf(vmx), firmwareOf(vmx)]).toEqual([2, 2_048, 'uefi']);
    expect(disksOf(vmx)).toEqual([
      { device: 'scsi0:0', fileName: 'web.vmdk' },
      { device: 'scsi0:1', fileName: 'web-1.vmdk' },
    ]);
    expect(nicsOf(vmx)).toEqual([
      { device: 'ethernet0', mac: '00:50:56:01:02:03', network: 'vmnet8' },
      { device: 'ethernet1', mac: '52:54:00:01:02:03', network: 'vmnet2' },
    ]);
    expect(vmx.get('ethernet0.connectionType')).toBe('nat');
    expect([vmx.get('ethernet0.checkMACAddress'), vmx.get('ethernet1.checkMACAddress')]).toEqual([undefined, 'FALSE']);
    expect(vmx.get('sata0:0.deviceType')).toBe('cdrom-image');
  });

  it('has VMware’s defaults for what is not said', () => {
    const vmx = parse('config.version = "8"\n');
    expect([cpusOf(vmx), memoryOf(vmx), firmwareOf(vmx), nameOf(vmx)]).toEqual([1, 32, 'bios', undefined]);
    expect([disksOf(vmx), nicsOf(vmx), isEncrypted(vmx)]).toEqual([[], [], false]);
  });

  it('has no disks on controllers or units that the product ignores, and no CD-ROMs among them', () => {
    const vmx = parse(
      [
        'scsi0.present = "TRUE"',
        ...['scsi0:0', 'scsi0:7', 'scsi0:16', 'scsi1:0', 'sata0:0', 'ide0:0'].map((one) => `${one}.present = "TRUE"`),
        ...['scsi0:0', 'scsi0:7', 'scsi0:16', 'scsi1:0', 'sata0:0'].map((one) => `${one}.fileName = "d.vmdk"`),
        'ide0:0.fileName = "d.vmdk"',
        'ide0:0.deviceType = "cdrom-image"',
      ].join('\n'),
    );
    expect(disksOf(vmx).map(({ device }) => device)).toEqual(['scsi0:0']);
  });

  it('has the addresses that Workstation generated, none before the first power-on, and names of all networks', () => {
    const vmx = parse(
      [
        'ethernet1.present = "TRUE"',
        'ethernet1.connectionType = "custom"',
        'ethernet1.vnet = "/dev/vmnet2"',
        'ethernet0.present = "TRUE"',
        'ethernet0.generatedAddress = "00:0C:29:AA:BB:CC"',
        'ethernet2.present = "FALSE"',
        'ethernet3.present = "TRUE"',
        'ethernet3.connectionType = "pvn"',
        'ethernet3.pvnID = "52 9a"',
      ].join('\n'),
    );
    expect(nicsOf(vmx)).toEqual([
      { device: 'ethernet0', mac: '00:0c:29:aa:bb:cc', network: 'vmnet0' },
      { device: 'ethernet1', mac: undefined, network: 'vmnet2' },
      { device: 'ethernet3', mac: undefined, network: 'lan-segment 52 9a' },
    ]);
  });

  it('is on no network that it does not say', () => {
    const networks = (...lines: string[]) =>
      nicsOf(parse(['ethernet0.present = "TRUE"', ...lines].join('\n'))).map(({ network }) => network);
    expect(networks('ethernet0.connectionType = ""')).toEqual([undefined]);
    for (const type of ['custom', 'CUSTOM', 'monitor_dev', 'of a newer release'])
      expect({ type, networks: networks(`ethernet0.connectionType = "${type}"`) }).toEqual({
        type,
        networks: [undefined],
      });
    expect(networks('ethernet0.connectionType = "custom"', 'ethernet0.vnet = ""')).toEqual([undefined]);
    expect(networks('ethernet0.connectionType = "custom"', 'ethernet0.vnet = "/dev/"')).toEqual([undefined]);
  });

  it('skips the unit of the controller itself', () => {
    expect([0, 6, 7, 14, 15].map(diskDevice)).toEqual(['scsi0:0', 'scsi0:6', 'scsi0:8', 'scsi0:15', 'scsi1:0']);
  });

  it('keeps the sockets that somebody chose where the number can be divided', () => {
    const vmx = parse('numvcpus = "4"\ncpuid.coresPerSocket = "2"\n');
    setCpus(vmx, 6);
    expect([vmx.get('numvcpus'), vmx.get('cpuid.coresPerSocket')]).toEqual(['6', '3']);
    setCpus(vmx, 3);
    expect([vmx.get('numvcpus'), vmx.get('cpuid.coresPerSocket')]).toEqual(['3', '3']);
  });

  it('gives a new adapter the first free place, and no eleventh', () => {
    const vmx = parse('ethernet0.present = "TRUE"\nethernet1.present = "FALSE"\nethernet1.vnet = "vmnet9"\n');
    const nic = { mac: '00:50:56:00:00:01', network: 'vmnet8' };
    expect(addNic(vmx, nic)).toBe(true);
    expect(nicsOf(vmx)[1]).toEqual({ device: 'ethernet1', ...nic });
    expect(vmx.get('ethernet1.vnet')).toBeUndefined();
    for (let count = 2; count < 10; count += 1) expect(addNic(vmx, nic)).toBe(true);
    expect(addNic(vmx, nic)).toBe(false);
  });

  it('gives copies addresses of their own', () => {
    const vmx = parse('ethernet0.present = "TRUE"\nethernet0.generatedAddress = "00:0C:29:AA:BB:CC"\n');
    renewMacs(vmx, ['00:50:56:01:01:01']);
    expect(nicsOf(vmx)[0]!.mac).toBe('00:50:56:01:01:01');
    expect(vmx.get('ethernet0.generatedAddress')).toBeUndefined();
  });

  it('tells cloud-init through guestinfo, and a copy not what the original was told', () => {
    const vmx = Dictionary.of(
      cloudInitEntries('op-1', 'Wéb 1', { userData: '#cloud-config\n', networkConfig: 'version: 2\n' }),
    );
    const text = (name: string) => gunzipSync(Buffer.from(vmx.get(`guestinfo.${name}`)!, 'base64')).toString();
    expect(vmx.get('guestinfo.userdata.encoding')).toBe('gzip+base64');
    expect(text('userdata')).toBe('#cloud-config\n');
    expect(JSON.parse(text('metadata'))).toEqual({
      'instance-id': 'op-1',
      'local-hostname': 'web-1',
      network: Buffer.from('version: 2\n').toString('base64'),
      'network.encoding': 'base64',
    });
    dropCloudInit(vmx);
    expect(vmx.keys()).toEqual(['.encoding']);
  });

  it('is suspended only by a .vmss file', () => {
    expect(suspendFileOf(parse('checkpoint.vmState = "web-1a2b.vmss"\n'))).toBe('web-1a2b.vmss');
    for (const state of ['', 'web-Snapshot1.vmsn'])
      expect(suspendFileOf(parse(`checkpoint.vmState = "${state}"\n`))).toBeUndefined();
  });

  it('knows an encrypted machine and what Tools told of a system', () => {
    expect(isEncrypted(parse('encryption.keySafe = "vmware:key/list/..."\n'))).toBe(true);
    expect(guestOsOf(parse(`guestInfo.detailed.data = "bitness='64' prettyName='Ubuntu 24.04 LTS'"\n`))).toBe(
      'Ubuntu 24.04 LTS',
    );
  });
});
