import { describe, expect, it } from '@jest/globals';
import type { DomainDisk } from '../domain/domain-reader.ts';
import { parentsFirst } from './snapshot-reader.ts';
import { requireDisksForSnapshot } from './snapshots.ts';

const disk = (device: string, format: string, rest: Partial<DomainDisk> = {}): DomainDisk => ({
  device,
  kind: 'disk',
  source: { kind: 'file', path: `/pool/${device}` },
  path: `/pool/${device}`,
  format,
  readonly: false,
  ...rest,
});

describe('a snapshot inside the disks', () => {
  it('is refused with the name of the disk that cannot hold it', () => {
    expect(() => requireDisksForSnapshot([disk('vda', 'qcow2'), disk('vdb', 'raw')])).toThrow('vdb is raw');
    expect(() => requireDisksForSnapshot([])).toThrow('has none');
    expect(() => requireDisksForSnapshot([disk('sda', 'raw', { kind: 'cdrom', readonly: true })])).toThrow('has none');
  });

  it('leaves out what is not written to', () => {
    const medium = disk('sda', 'raw', { kind: 'cdrom', readonly: true });
    expect(() =>
      requireDisksForSnapshot([disk('vda', 'qcow2'), disk('vdb', 'raw', { readonly: true }), medium]),
    ).not.toThrow();
  });
});

describe('a tree of snapshots', () => {
  const one = (id: string, parent: string | null, second: number) => ({
    id,
    name: id,
    parent,
    current: false,
    memory: false,
    state: 'stopped' as const,
    createdAt: `2026-01-01T00:00:0${second}Z`,
  });

  it('has parents before their children, also when a parent is not listed', () => {
    const [a, b, c, lost] = [one('a', null, 3), one('b', 'a', 1), one('c', 'b', 2), one('lost', 'none', 0)];
    expect(parentsFirst([c, b, a, lost]).map(({ id }) => id)).toEqual(['lost', 'a', 'b', 'c']);
  });
});
