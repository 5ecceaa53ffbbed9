import { basename } from 'node:path';
import { isNotFound, isWrongState, LibvirtError, type Domain, type Libvirt } from '@polyvirt/node-libvirt';
import { child, parseXml, text } from '../xml.ts';
import { backingChain, UnseenBelowError, type Link } from './backing-chain.ts';
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
  readonly #unseen = new Set<string>();
  /** By name of a volume whose pool is not there (any more): the machines that name it. */
  readonly #unlocated = new Map<string, Set<string>>();

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
        await users.#noteDomain(libvirt, domain, { active: active.has(uuid), saved: saved.has(uuid) });
        if (snapshotted.has(uuid)) await users.#noteSnapshots(domain);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
    return users;
  }

  /** Names of machines of which it could not be seen whether they use the file. */
  unseenOf(path: string): string[] {
    return [...new Set([...this.#unseen, ...(this.#unlocated.get(basename(path)) ?? [])])].sort();
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

  /** What libvirt cannot give of one machine stops nothing; what it says of its disks elsewhere may be enough. */
  async #noteDomain(
    libvirt: Libvirt,
    domain: Domain,
    { active, saved }: { active: boolean; saved: boolean },
  ): Promise<void> {
    const noted = await this.#noteDefinition(domain, domain.xml());
    if (!noted) await this.#noteFromStatistics(libvirt, domain);
    // Statistics have nothing of the next start, and nothing of a memory that is saved.
    const others = [...(active ? [domain.xml({ inactive: true })] : []), ...(saved ? [savedXml(domain)] : [])];
    for (const other of others) if (!(await this.#noteDefinition(domain, other))) this.#unseen.add(domain.name);
  }

  /** False when libvirt cannot give it. */
  async #noteDefinition(domain: Domain, reading: Promise<string | undefined>): Promise<boolean> {
    const xml = await orUndefined(reading).catch(unlessOfOne);
    if (xml === 'unseen') return false;
    if (xml === undefined) return true;
    const element = child(parseXml(xml), 'domain');
    await this.#note(text(element, 'name') ?? domain.uuid, domainReferences(element));
    return true;
  }

  async #noteFromStatistics(libvirt: Libvirt, domain: Domain): Promise<void> {
    const sweep = libvirt.statistics.sweep({ domains: [domain], groups: ['block'], backing: true });
    const swept = await sweep.catch(unlessOfOne);
    const blocks = swept === 'unseen' ? undefined : swept.domains[0]?.blocks;
    if (!blocks || blocks.some(({ path }) => path === undefined)) this.#unseen.add(domain.name);
    const paths = blocks?.flatMap(({ path }) => path ?? []) ?? [];
    // Its format is not known; what is below is looked for all the same, which keeps more than need be.
    await this.#note(
      domain.name,
      paths.map((path) => ({ source: { kind: 'file', path }, format: undefined, writes: true })),
    );
  }

  async #noteSnapshots(domain: Domain): Promise<void> {
    const snapshots = await orUndefined(domain.snapshots()).catch(unlessOfOne);
    if (snapshots === 'unseen') this.#unseen.add(domain.name);
    else
      for (const snapshot of snapshots ?? []) {
        const xml = await orUndefined(snapshot.xml()).catch(unlessOfOne);
        if (xml === 'unseen') this.#unseen.add(domain.name);
        if (xml === undefined || xml === 'unseen') continue;
        const element = child(parseXml(xml), 'domainsnapshot');
        // A snapshot holds what it needs, and writes to none of it before it is reverted to.
        const references = snapshotReferences(element).map((reference) => ({ ...reference, writes: false }));
        await this.#note(domain.name, references);
      }
  }

  async #note(name: string, references: readonly FileReference[]): Promise<void> {
    for (const { source, format, writes } of references) {
      const top = await this.#storage.pathOf(source).catch(unlessOfOne);
      if (top === 'unseen') this.#unseen.add(name);
      else if (top !== undefined) await this.#noteChain(name, { path: top, format }, writes);
      else if (source.kind === 'volume' && !(await this.#storage.hasPool(source.pool)))
        this.#unlocated.set(source.volume, (this.#unlocated.get(source.volume) ?? new Set()).add(name));
    }
  }

  async #noteChain(name: string, top: Link, writes: boolean): Promise<void> {
    try {
      for await (const { path } of backingChain(this.#storage, top)) {
        const key = await this.#storage.files.identity(path);
        const users = this.#users.get(key) ?? new Map<string, boolean>();
        this.#users.set(key, users.set(name, (users.get(name) ?? false) || (writes && path === top.path)));
      }
    } catch (error) {
      if (!(error instanceof UnseenBelowError)) throw error;
      this.#unseen.add(name);
    }
  }
}

/** For what libvirt refuses to give of one machine or one pool; that nothing can be asked for is none of that. */
function unlessOfOne(error: unknown): 'unseen' {
  if (error instanceof LibvirtError) return 'unseen';
  throw error;
}

/** Undefined when it has been started, or is gone, since it was seen. */
const savedXml = (domain: Domain): Promise<string | undefined> =>
  domain.managedSaveXml().catch((error: unknown) => {
    if (isNotFound(error) || isWrongState(error)) return undefined;
    throw error;
  });

/** `"a", "b"`, for a sentence. */
export const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');
