import { describe, expect, it } from '@jest/globals';
import { ErrorCode, LibvirtError, type Domain } from '@polyvirt/node-libvirt';
import type { DomainDisk } from '../domain/domain-reader.ts';
import { DiskGrowth } from './disk-growth.ts';
import { HostFiles } from './host-files.ts';
import { GIB, type StoragePool } from './storage-pool.ts';

const disk: DomainDisk = {
  device: 'vda',
  kind: 'disk',
  source: { kind: 'network', protocol: 'rbd', name: 'pool/image', hosts: [] },
  path: undefined,
  format: 'raw',
  readonly: false,
};
const refusal = (code: number) =>
  new LibvirtError({ code, domain: 0, level: 2, message: 'not now' } as never, 'domainGetBlockInfo');

/** A running machine whose disk is of this size, as far as libvirt says it. */
function running(size: number | Error) {
  const sizes: number[] = [];
  const domain = {
    isActive: async () => true,
    blockInfo: async () => {
      if (size instanceof Error) throw size;
      return { capacityBytes: size };
    },
    blockResize: async (_: string, bytes: number) => void sizes.push(bytes),
  } as unknown as Domain;
  const storage = {
    files: new HostFiles({ local: true }),
    pathOf: async () => undefined,
    volumeOf: async () => undefined,
  } as unknown as StoragePool;
  return { sizes, domain, growth: new DiskGrowth(storage) };
}

describe('a disk of a running machine', () => {
  it('grows, and never becomes smaller', async () => {
    const { sizes, domain, growth } = running(2 * GIB);
    expect(await growth.grow(domain, disk, GIB)).toBe(false);
    expect(await growth.grow(domain, disk, 3 * GIB)).toBe(true);
    expect(sizes).toEqual([3 * GIB]);
  });

  it.each([
    ['does not know', 0],
    ['cannot say', refusal(ErrorCode.INTERNAL_ERROR)],
  ])('whose size libvirt %s is left as it is', async (_, size) => {
    const { sizes, domain, growth } = running(size);
    await expect(growth.requireGrowable(domain, disk)).rejects.toThrow('does not say how large vda is');
    await expect(growth.grow(domain, disk, 3 * GIB)).rejects.toThrow('does not say how large vda is');
    expect(sizes).toEqual([]);
  });
});
