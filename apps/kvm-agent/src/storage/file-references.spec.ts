import { describe, expect, it } from '@jest/globals';
import { child, parseXml } from '../xml.ts';
import { domainReferences, snapshotOwnFiles, snapshotReferences } from './file-references.ts';

const domain = `<domain>
  <os><loader type="pflash">/fw/code.fd</loader><nvram>/nvram/a.fd</nvram><kernel>/boot/vmlinuz</kernel></os>
  <devices>
    <disk type="file" device="disk"><driver type="qcow2"/><source file="/pool/top"/>
      <backingStore type="volume"><format type="qcow2"/><source pool="p" volume="v"/>
        <backingStore type="block"><format type="raw"/><source dev="/dev/vg/base"/><backingStore/></backingStore></backingStore>
      <mirror type="file" job="copy"><format type="qcow2"/><source file="/pool/mirror"/></mirror><target dev="vda"/></disk>
    <disk type="network" device="disk"><driver type="raw"/><source protocol="rbd" name="pool/image"><host name="h"/></source><target dev="vdb"/></disk>
    <disk type="file" device="cdrom"><driver type="raw"/><source file="/iso/a.iso"/><target dev="sda"/><readonly/></disk>
    <disk type="file" device="cdrom"><target dev="sdb"/></disk>
    <memory model="nvdimm"><source><path>/srv/nvdimm</path></source></memory>
  </devices></domain>`;
const named = (references: ReturnType<typeof domainReferences>) =>
  references.map(({ source, format, writes }) => [
    'path' in source ? source.path : source.kind === 'volume' ? `${source.pool}/${source.volume}` : source.kind,
    format,
    writes,
  ]);

describe('what a definition needs of the host', () => {
  it('are its disks with all that is below them or copied to, firmware, kernels and persistent memory', () => {
    expect(named(domainReferences(child(parseXml(domain), 'domain')))).toEqual([
      ['/pool/top', 'qcow2', true],
      ['p/v', 'qcow2', false],
      ['/dev/vg/base', 'raw', false],
      ['/pool/mirror', 'qcow2', true],
      ['network', 'raw', true],
      ['/iso/a.iso', 'raw', false],
      ['/nvram/a.fd', undefined, true],
      ['/fw/code.fd', undefined, false],
      ['/boot/vmlinuz', undefined, false],
      ['/srv/nvdimm', undefined, true],
    ]);
  });

  it('is with a snapshot what that has begun, and the machine as it was', () => {
    const xml = `<domainsnapshot><name>s</name><memory snapshot="external" file="/pool/s.mem"/>
      <disks><disk name="vda" snapshot="external" type="file"><driver type="qcow2"/><source file="/pool/s.vda"/></disk><disk name="vdb" snapshot="internal"/></disks>
      ${domain}</domainsnapshot>`;
    const snapshot = child(parseXml(xml), 'domainsnapshot');
    expect(named(snapshotOwnFiles(snapshot))).toEqual([
      ['/pool/s.vda', 'qcow2', true],
      ['/pool/s.mem', undefined, true],
    ]);
    expect(named(snapshotReferences(snapshot))).toContainEqual(['/dev/vg/base', 'raw', false]);
  });
});
