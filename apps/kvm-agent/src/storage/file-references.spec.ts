import { describe, expect, it } from '@jest/globals';
import { child, parseXml } from '../xml.ts';
import { domainReferences, snapshotOwnFiles, snapshotReferences } from './file-references.ts';

const domain = `<domain>
  <os><loader type="pflash">/fw/code.fd</loader><nvram template="/nvram/template.fd">/nvram/a.fd</nvram><kernel>/boot/vmlinuz</kernel>
    <acpi><table type="slic">/fw/slic.bin</table></acpi></os>
  <sysinfo type="smbios"><system><entry name="uuid">u</entry></system></sysinfo>
  <sysinfo type="fwcfg"><entry name="opt/a" file="/srv/config"/><entry name="opt/b">text</entry></sysinfo>
  <devices>
    <disk type="file" device="disk"><driver type="qcow2"/><source file="/pool/top"/>
      <backingStore type="volume"><format type="qcow2"/><source pool="p" volume="v"/>
        <backingStore type="block"><format type="raw"/><source dev="/dev/vg/base"/><backingStore/></backingStore></backingStore>
      <mirror type="file" job="copy"><format type="qcow2"/><source file="/pool/mirror"/></mirror><target dev="vda"/></disk>
    <disk type="network" device="disk"><driver type="raw"/><source protocol="rbd" name="pool/image"><host name="h"/></source><target dev="vdb"/></disk>
    <disk type="file" device="cdrom"><driver type="raw"/><source file="/iso/a.iso"/><target dev="sda"/><readonly/></disk>
    <disk type="file" device="cdrom"><target dev="sdb"/></disk>
    <memory model="nvdimm"><source><path>/srv/nvdimm</path></source></memory>
  </devices>
  <qemu:commandline><qemu:arg value="-drive"/><qemu:arg value="if=virtio,file=/args/a,,b,format=raw"/>
    <qemu:arg value="-blockdev"/><qemu:arg value='{"driver":"qcow2","file":{"driver":"file","filename":"/args/c"}}'/>
    <qemu:arg value="-hda"/><qemu:arg value="/args/d"/><qemu:arg value="-name"/><qemu:arg value="guest=a,debug-threads=on"/></qemu:commandline></domain>`;
const named = (references: ReturnType<typeof domainReferences>) =>
  references.map(({ source, format, writes }) => [
    'path' in source ? source.path : source.kind === 'volume' ? `${source.pool}/${source.volume}` : source.kind,
    format,
    writes,
  ]);

describe('what a definition needs of the host', () => {
  it('are its disks with all that is below them or copied to, firmware, kernels, persistent memory and files of arguments', () => {
    expect(named(domainReferences(child(parseXml(domain), 'domain')))).toEqual([
      ['/pool/top', 'qcow2', true],
      ['p/v', 'qcow2', false],
      ['/dev/vg/base', 'raw', false],
      ['/pool/mirror', 'qcow2', true],
      ['network', 'raw', true],
      ['/iso/a.iso', 'raw', false],
      ['/nvram/a.fd', 'raw', true],
      ['/nvram/template.fd', 'raw', false],
      ['/fw/code.fd', 'raw', false],
      ['/boot/vmlinuz', 'raw', false],
      ['/fw/slic.bin', 'raw', false],
      ['/srv/config', 'raw', false],
      ['/srv/nvdimm', 'raw', true],
      ['/args/a,b', undefined, true],
      ['/args/c', 'qcow2', true],
      ['/args/d', undefined, true],
    ]);
  });

  it('is with a snapshot what that has begun, and the machine as it was', () => {
    const xml = `<domainsnapshot><name>s</name><memory snapshot="external" file="/pool/s.mem"/>
      <disks><disk name="vda" snapshot="external" type="file"><driver type="qcow2"/><source file="/pool/s.vda"/></disk><disk name="vdb" snapshot="internal"/></disks>
      ${domain}</domainsnapshot>`;
    const snapshot = child(parseXml(xml), 'domainsnapshot');
    expect(named(snapshotOwnFiles(snapshot))).toEqual([
      ['/pool/s.vda', 'qcow2', true],
      ['/pool/s.mem', 'raw', true],
    ]);
    expect(named(snapshotReferences(snapshot))).toContainEqual(['/dev/vg/base', 'raw', false]);
  });
});
