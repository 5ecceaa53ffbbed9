import { isNotFound, isWrongState, LibvirtError, type Domain, type Libvirt } from '@polyvirt/node-libvirt';
import { child, parseXml, text } from '../xml.ts';
import { backingChain } from './backing-chain.ts';
import { domainReferences, snapshotReferences, type FileReference } from './file-references.ts';
import { orUndefined, type StoragePool } from './storage-pool.ts';

/** So many machines are read at the same time: time in the queue of a connection counts as time to answer. */
const PARALLEL = 16;

/**
 * Which machines a file matters to: as a disk, below a disk, as firmware, or for a snapshot. A file is what it is and not how
 * its path is spelt.
 */
export class DiskUsers {
  readonly #storage: StoragePool;
  /** By identity of the file: the machines, and whether they write to it. */
  readonly #users = new Map<string, Map<string, boolean>>();
  readonly #unseen: string[] = [];

  private constructor(storage: StoragePool) {
    this.#storage = storage;
  }

  /**
   * Looks at every domain but the excepted one, and follows the overlays of its disks down to the last file. A domain that is
   * on may have other disks now than at its next start, and needs both; one that is suspended has those of its saved memory.
   */
  static async read(libvirt: Libvirt, storage: StoragePool, except?: string): Promise<DiskUsers> {
    const users = new DiskUsers(storage);
    const uuids = (domains: readonly Domain[]) => new Set(domains.map(({ uuid }) => uuid));
    const [domains, active, saved, snapshotted] = await Promise.all([
      libvirt.domains.list(),
      libvirt.domains.list({ active: true }).then(uuids),
      libvirt.domains.list({ managedSave: true }).then(uuids),
      libvirt.domains.list({ hasSnapshot: true }).then(uuids),
    ]);
    const waiting = domains.filter(({ uuid }) => uuid !== except);
    const work = async () => {
      for (let domain = waiting.shift(); domain; domain = waiting.shift()) {
        const { uuid } = domain;
        try {
          await users.#noteDomain(domain, { active: active.has(uuid), saved: saved.has(uuid) });
          if (snapshotted.has(uuid)) await users.#noteSnapshots(domain);
        } catch (error) {
          if (!(error instanceof LibvirtError)) throw error;
          // One that libvirt cannot give in full stops nothing; what it says of its disks elsewhere may be enough.
          await users.#noteFromStatistics(libvirt, domain);
        }
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
    return users;
  }

  /** Names of machines of which it could not be seen which files they use. */
  get unseen(): readonly string[] {
    return this.#unseen;
  }

  /** Names of the machines that would lose something with this file. */
  async of(path: string): Promise<string[]> {
    return [...(await this.#usersOf(path)).keys()].sort();
  }

  /** Names of the machines that may change what is in it. */
  async writersOf(path: string): Promise<string[]> {
    const users = await this.#usersOf(path);
    return [...users].flatMap(([name, writes]) => (writes ? [name] : [])).sort();
  }

  async #usersOf(path: string): Promise<ReadonlyMap<string, boolean>> {
    return this.#users.get(await this.#storage.files.identity(path)) ?? new Map<string, boolean>();
  }

  async #noteDomain(domain: Domain, { active, saved }: { active: boolean; saved: boolean }): Promise<void> {
    const definitions = [
      domain.xml(),
      ...(active ? [domain.xml({ inactive: true })] : []),
      ...(saved ? [savedXml(domain)] : []),
    ];
    for (const xml of await Promise.all(definitions.map((definition) => orUndefined(definition)))) {
      if (xml === undefined) continue;
      const element = child(parseXml(xml), 'domain');
      await this.#note(text(element, 'name') ?? domain.uuid, domainReferences(element));
    }
  }

  async #noteFromStatistics(libvirt: Libvirt, domain: Domain): Promise<void> {
    const { domains } = await libvirt.statistics.sweep({ domains: [domain], groups: ['block'], backing: true });
    const blocks = domains[0]?.blocks;
    if (!blocks || blocks.some(({ path }) => path === undefined)) this.#unseen.push(domain.name);
    const paths = blocks?.flatMap(({ path }) => path ?? []) ?? [];
    // Its format is not known; what is below is looked for all the same, which keeps more than need be.
    await this.#note(
      domain.name,
      paths.map((path) => ({ source: { kind: 'file', path }, format: undefined, writes: true })),
    );
  }

  async #noteSnapshots(domain: Domain): Promise<void> {
    const snapshots = (await orUndefined(domain.snapshots())) ?? [];
    for (const snapshot of snapshots) {
      const xml = await orUndefined(snapshot.xml());
      if (xml === undefined) continue;
      const element = child(parseXml(xml), 'domainsnapshot');
      // A snapshot holds what it needs, and writes to none of it before it is reverted to.
      const references = snapshotReferences(element).map((reference) => ({ ...reference, writes: false }));
      await this.#note(domain.name, references);
    }
  }

  async #note(name: string, references: readonly FileReference[]): Promise<void> {
    for (const { source, format, writes } of references) {
      const top = await this.#storage.pathOf(source);
      if (top === undefined) continue;
      for await (const { path } of backingChain(this.#storage, { path: top, format })) {
        const key = await this.#storage.files.identity(path);
        const users = this.#users.get(key) ?? new Map<string, boolean>();
        this.#users.set(key, users.set(name, (users.get(name) ?? false) || (writes && path === top)));
      }
    }
  }
}

/** Undefined when it has been started, or is gone, since it was seen. */
const savedXml = (domain: Domain): Promise<string | undefined> =>
  domain.managedSaveXml().catch((error: unknown) => {
    if (isNotFound(error) || isWrongState(error)) return undefined;
    throw error;
  });

/** `"a", "b"`, for a sentence. */
export const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');
