import type { Libvirt } from '@polyvirt/node-libvirt';
import { readDomain } from '../domain/domain-reader.ts';
import { orUndefined, type StoragePool } from './storage-pool.ts';
import { readVolume } from './volume-facts.ts';

/** Which machines a file matters to: as their disk, or below their disk. */
export class DiskUsers {
  readonly #users = new Map<string, Set<string>>();

  /**
   * Looks at every domain but the excepted one, and follows the overlays of its disks down to the last file. A domain that is
   * on may have other disks now than at its next start, and needs both.
   */
  static async read(libvirt: Libvirt, storage: StoragePool, except?: string): Promise<DiskUsers> {
    const users = new DiskUsers();
    const [domains, active] = await Promise.all([libvirt.domains.list(), libvirt.domains.list({ active: true })]);
    const isActive = new Set(active.map(({ uuid }) => uuid));
    await Promise.all(
      domains.map(async (domain) => {
        if (domain.uuid === except) return;
        const definitions = [domain.xml(), ...(isActive.has(domain.uuid) ? [domain.xml({ inactive: true })] : [])];
        for (const xml of await Promise.all(definitions.map(orUndefined))) {
          if (xml === undefined) continue;
          const { name, disks } = readDomain(xml);
          for (const { path } of disks) if (path !== undefined) await users.#follow(storage, path, name);
        }
      }),
    );
    return users;
  }

  async #follow(storage: StoragePool, path: string, name: string): Promise<void> {
    for await (const link of backingChain(storage, path)) {
      const names = this.#users.get(link) ?? new Set();
      if (names.has(name)) return;
      this.#users.set(link, names.add(name));
    }
  }

  /** Names of the machines that would lose something with this file. */
  of(path: string): string[] {
    return [...(this.#users.get(path) ?? [])].sort();
  }
}

/** The file itself, then the files below it, as far as libvirt's pools know them. */
export async function* backingChain(storage: StoragePool, path: string): AsyncGenerator<string> {
  const seen = new Set<string>();
  for (let link: string | undefined = path; link !== undefined && !seen.has(link);) {
    seen.add(link);
    yield link;
    const volume = await storage.at(link);
    link = volume && (await orUndefined(readVolume(volume)))?.backing;
  }
}
