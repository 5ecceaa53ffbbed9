import type { Libvirt } from '@polyvirt/node-libvirt';
import { DiskUsers, quoted, unseenWords } from './disk-users.ts';
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
  const { layers, unseen } = await volumes.layersOver(path, users, besides);
  if (layers.length > 0) return `it is the base of ${layers.join(', ')}.`;
  const all = new Map([...users.unseenOf(path), ...unseen]);
  return all.size > 0 ? `${unseenWords(all, 'it')} If nothing needs it, remove it by hand.` : null;
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
