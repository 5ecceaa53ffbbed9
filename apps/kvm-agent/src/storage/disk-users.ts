import { basename } from 'node:path';
import { foreignText } from '@polyvirt/contracts';
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
  readonly #unseen = new Map<string, string>();
  /** By name of a volume whose pool is not there (any more): the machines that name it, each with a sentence why. */
  readonly #unlocated = new Map<string, Map<string, string>>();

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

  /** Names of machines of which it could not be seen whether they use the file, each with a sentence why. */
  unseenOf(path: string): ReadonlyMap<string, string> {
    return new Map([...(this.#unlocated.get(basename(path)) ?? []), ...this.#unseen]);
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
    const unread = await this.#noteDefinition(domain, domain.xml());
    if (unread) await this.#noteFromStatistics(libvirt, domain, unread);
    // Statistics have nothing of the next start, and nothing of a memory that is saved.
    const others = [...(active ? [domain.xml({ inactive: true })] : []), ...(saved ? [savedXml(domain)] : [])];
    for (const other of others) this.#miss(domain.name, await this.#noteDefinition(domain, other));
  }

  #miss(name: string, unseen: Unseen | undefined): void {
    if (unseen) this.#unseen.set(name, unseen.why);
  }

  /** Answers why libvirt cannot give it. */
  async #noteDefinition(domain: Domain, reading: Promise<string | undefined>): Promise<Unseen | undefined> {
    const xml = await orUndefined(reading).catch(unlessOfOne);
    if (xml instanceof Unseen) return xml;
    if (xml === undefined) return undefined;
    const element = child(parseXml(xml), 'domain');
    await this.#note(text(element, 'name') ?? domain.uuid, domainReferences(element));
    return undefined;
  }

  /** Where the definition is not to be had for this reason. */
  async #noteFromStatistics(libvirt: Libvirt, domain: Domain, unread: Unseen): Promise<void> {
    const sweep = libvirt.statistics.sweep({ domains: [domain], groups: ['block'], backing: true });
    const swept = await sweep.catch(unlessOfOne);
    const blocks = swept instanceof Unseen ? undefined : swept.domains[0]?.blocks;
    if (!blocks || blocks.some(({ path }) => path === undefined)) this.#miss(domain.name, unread);
    const paths = blocks?.flatMap(({ path }) => path ?? []) ?? [];
    // Its format is not known; what is below is looked for all the same, which keeps more than need be.
    await this.#note(
      domain.name,
      paths.map((path) => ({ source: { kind: 'file', path }, format: undefined, writes: true })),
    );
  }

  async #noteSnapshots(domain: Domain): Promise<void> {
    const snapshots = await orUndefined(domain.snapshots()).catch(unlessOfOne);
    if (snapshots instanceof Unseen) this.#miss(domain.name, snapshots);
    else
      for (const snapshot of snapshots ?? []) {
        const xml = await orUndefined(snapshot.xml()).catch(unlessOfOne);
        if (xml instanceof Unseen) this.#miss(domain.name, xml);
        if (xml === undefined || xml instanceof Unseen) continue;
        const element = child(parseXml(xml), 'domainsnapshot');
        // A snapshot holds what it needs, and writes to none of it before it is reverted to.
        const references = snapshotReferences(element).map((reference) => ({ ...reference, writes: false }));
        await this.#note(domain.name, references);
      }
  }

  async #note(name: string, references: readonly FileReference[]): Promise<void> {
    for (const { source, format, writes } of references) {
      const top = await this.#storage.pathOf(source).catch(unlessOfOne);
      if (top instanceof Unseen) this.#miss(name, top);
      else if (top !== undefined) await this.#noteChain(name, { path: top, format }, writes);
      else if (source.kind === 'volume' && !(await this.#storage.hasPool(source.pool))) {
        const why = `It names the volume ${source.volume} of the storage pool "${source.pool}", which libvirt does not know.`;
        this.#unlocated.set(source.volume, (this.#unlocated.get(source.volume) ?? new Map()).set(name, why));
      }
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
      this.#miss(name, new Unseen(error));
    }
  }
}

/** That something could not be had, with a sentence why. */
class Unseen {
  readonly why: string;

  constructor(error: Error) {
    this.why = `${foreignText(error.message).replace(/\.$/, '')}.`;
  }
}

/** For what libvirt refuses to give of one machine or one pool; that nothing can be asked for is none of that. */
function unlessOfOne(error: unknown): Unseen {
  if (error instanceof LibvirtError) return new Unseen(error);
  throw error;
}

/** Undefined when it has been started, or is gone, since it was seen. */
const savedXml = (domain: Domain): Promise<string | undefined> =>
  domain.managedSaveXml().catch((error: unknown) => {
    if (isNotFound(error) || isWrongState(error)) return undefined;
    throw error;
  });

/** Of so many a sentence has the reasons. */
const MOST_REASONS = 3;

/** That it cannot be seen whether any of these, each with a sentence why, needs something. */
export function unseenWords(unseen: ReadonlyMap<string, string>, what: string): string {
  const names = [...unseen.keys()].sort();
  const reasons = new Set(names.slice(0, MOST_REASONS).map((name) => unseen.get(name)!));
  return `it cannot be seen whether ${quoted(names)} needs ${what}: ${[...reasons].join(' ')}`;
}

/** `"a", "b"`, for a sentence. */
export const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');
