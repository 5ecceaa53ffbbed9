import type { Libvirt } from '@polyvirt/node-libvirt';
import { pathOf, type DiskSource } from './disk-source.ts';

/**
 * Path of a disk on this host: as the definition says it, or as the pool of its volume does. Undefined for what is not on this
 * host, and for a volume that libvirt cannot look up now, as its pool is not active.
 */
export async function localPath(libvirt: Libvirt, source: DiskSource | undefined): Promise<string | undefined> {
  if (source?.kind !== 'volume') return pathOf(source);
  const path = await libvirt.pools
    .getByName(source.pool)
    .then((pool) => pool.volume(source.volume))
    .then((volume) => volume.path())
    .catch(() => undefined);
  // The "path" of a volume in a pool of Ceph or iSCSI is an address.
  return path?.startsWith('/') ? path : undefined;
}
