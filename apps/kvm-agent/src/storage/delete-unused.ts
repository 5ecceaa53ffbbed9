import type { Libvirt } from '@polyvirt/node-libvirt';
import { DiskUsers, quoted } from './disk-users.ts';
import type { HostVolumes } from './host-volumes.ts';
import type { StoragePool } from './storage-pool.ts';

/**
 * Why a file has to stay; null when nobody needs it. `besides` are files that go along with it: what of them stands on it does not
 * count.
 */
export async function reasonToKeep(
  path: string,
  users: DiskUsers,
  volumes: HostVolumes,
  besides: readonly string[],
): Promise<string | null> {
  const names = await users.of(path);
  if (names.length > 0) return `it is in use by ${quoted(names)}.`;
  const unseen = users.unseenOf(path);
  if (unseen.length > 0) return `libvirt does not say whether ${quoted(unseen)} needs it. If not, remove it by hand.`;
  const layers = await volumes.layersOver(path, users, besides);
  return layers.length > 0 ? `it is the base of ${layers.join(', ')}.` : null;
}

/** Deletes files of a disk from the top down, up to the first that somebody needs. Answers what was kept and why. */
export async function deleteUnused(
  paths: readonly string[],
  libvirt: Libvirt,
  storage: StoragePool,
  volumes: HostVolumes,
): Promise<{ path: string; reason: string } | undefined> {
  const users = await DiskUsers.read(libvirt, storage);
  for (const path of paths) {
    const reason = await reasonToKeep(path, users, volumes, paths);
    if (reason !== null) return { path, reason };
    await storage.delete(path);
  }
  return undefined;
}
