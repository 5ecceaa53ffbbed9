import { describe, expect, it } from '@jest/globals';
import { child, parseXml } from '../xml.ts';
import { snapshotReferences } from '../storage/file-references.ts';
import { tagOf, type Kept } from './kept.ts';
import { definitionsThen, readOwnSnapshot, snapshotDocument } from './snapshot-document.ts';
import { readSnapshot } from './snapshot-reader.ts';

const domain = (memory: number, more = '') =>
  `<domain type='qemu' id='3' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><name>a &amp; b</name><uuid>u</uuid>
    <metadata><polyvirt:vm xmlns:polyvirt="https://polyvirt.dev/libvirt/1"><polyvirt:created>then</polyvirt:created></polyvirt:vm></metadata>
    <memory unit='MiB'>${memory}</memory><vcpu>1</vcpu><os firmware='efi'><type>hvm</type>${more}</os><devices>
    <disk type='file' device='disk'><driver type='qcow2'/><source file='/pool/a'/><target dev='vda'/></disk>
    <disk type='file' device='disk'><driver type='raw'/><source file='/pool/b'/><target dev='vdb'/><readonly/></disk></devices></domain>`;
const kept: Kept = { tag: 'x', copies: [{ kind: 'nvram', path: "/kept/o'ne & two" }] };
const written = (more: Partial<Parameters<typeof snapshotDocument>[0]> = {}) =>
  snapshotDocument({
    name: 'x < y',
    description: 'before & after',
    state: 'running',
    parent: 'base',
    disks: [
      { device: 'vda', isKept: true },
      { device: 'vdb', isKept: false },
    ],
    definition: domain(64),
    next: domain(128),
    kept,
    ...more,
  });

describe('the document of a snapshot that QEMU has taken', () => {
  it('is read as one of libvirt', () => {
    expect(readSnapshot(written(), true)).toMatchObject({
      id: 'x < y',
      description: 'before & after',
      parent: 'base',
      memory: true,
      state: 'running',
    });
    expect(readSnapshot(written({ state: 'shutoff', next: undefined, parent: undefined }), false)).toMatchObject({
      parent: null,
      memory: false,
      state: 'stopped',
    });
  });

  it('says what was kept, and that belongs to the machine', () => {
    const own = readOwnSnapshot(written())!;
    expect(own).toMatchObject({ kept, state: 'running', disks: [{ device: 'vda', path: '/pool/a' }] });
    const references = snapshotReferences(child(parseXml(written()), 'domainsnapshot'));
    expect(references).toContainEqual({
      source: { kind: 'file', path: kept.copies[0]!.path },
      format: 'raw',
      writes: false,
    });
    // That of libvirt says nothing of it, with whatever metadata.
    expect(readOwnSnapshot(`<domainsnapshot><name>x</name>${domain(64)}</domainsnapshot>`)).toBeUndefined();
    expect(readOwnSnapshot('<domainsnapshot><name>x</name></domainsnapshot>')).toBeUndefined();
  });

  it('gives the definitions of then, with the name and the file of now, and without what was kept', () => {
    const { definition, next } = definitionsThen(written(), { name: 'new', nvram: '/now/vars.fd' });
    for (const [xml, memory] of [
      [definition, 64],
      [next, 128],
    ] as const) {
      expect(xml).toMatch(/^<domain [^]*<\/domain>$/);
      expect(xml).toContain(`<name>new</name>`);
      expect(xml).toContain(`<memory unit="MiB">${memory}</memory>`);
      expect(xml).toContain('<nvram>/now/vars.fd</nvram>');
      expect(xml).toContain('polyvirt:created');
      expect(xml).not.toContain('/kept/');
    }
    const off = definitionsThen(written({ next: undefined }), { name: 'new', nvram: undefined });
    expect(off.next).toBe(off.definition);
    expect(off.next).not.toContain('<nvram>');
  });
});

describe('the name of a snapshot in the disks', () => {
  it.each(['before', '-c', '1a', 'é 🚀', '1 '])('is that of the snapshot: %s', (name) => {
    expect(tagOf(name)).toBe(name);
  });

  it.each(['1', '007', '🚀'.repeat(64)])('is another where QEMU would take it for another: %s', (name) => {
    expect(tagOf(name)).toMatch(/^polyvirt-[0-9a-f]{16}$/);
  });
});
