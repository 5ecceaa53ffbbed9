import { foreignText, ProblemError, type DeleteVm } from '@polyvirt/contracts';
import type { Domain } from '@polyvirt/node-libvirt';
import { readDomain } from '../domain/domain-reader.ts';
import type { DiskSource } from '../domain/disk-source.ts';
import { backingChain, UnseenBelowError } from '../storage/backing-chain.ts';
import { quoted } from '../storage/disk-users.ts';
import { describeSource, domainReferences, snapshotOwnFiles, snapshotReferences } from '../storage/file-references.ts';
import { orUndefined, type StoragePool } from '../storage/storage-pool.ts';
import { attribute, child, children, parseXml, text, type Xml } from '../xml.ts';
import { isDerivedName, seedVolumeName } from './derived-ids.ts';
import type { StateFiles } from './state-files.ts';

/** What a machine leaves behind; written into the journal before the machine is gone. */
export interface Remains {
  /** Each file that may go, with those below it that may go along, from top to bottom. */
  readonly chains: readonly { readonly what: string; readonly links: readonly string[] }[];
  readonly nvram: string | null;
  /** Copies that were kept for its snapshots. */
  readonly copies: readonly string[];
  readonly nics: readonly { readonly network: string; readonly mac: string }[];
  readonly notes: readonly string[];
}

export type DiskRemains = { links: string[]; notes: string[] };

interface Top {
  readonly what: string;
  readonly source: DiskSource;
  readonly format: string | undefined;
}

/** Finds what belongs to a machine alone, as far as its own definition and its snapshots tell. */
export class RemainsReader {
  readonly #storage: StoragePool;
  readonly #stateFiles: StateFiles;

  constructor(storage: StoragePool, stateFiles: StateFiles) {
    this.#storage = storage;
    this.#stateFiles = stateFiles;
  }

  async read(domain: Domain, fate: DeleteVm['disks']): Promise<Remains> {
    const xml = await domain.xml({ inactive: true });
    const { disks, nics, leaving, bases } = readDomain(xml);
    const snapshots = await this.#snapshots(domain);
    const notes: string[] = [];
    const tops: Top[] = [];
    for (const { device, source, kind, format } of disks) {
      if (!source) continue;
      const path = source.kind === 'dir' ? undefined : await this.#storage.pathOf(source);
      if (kind !== 'disk' && kind !== 'lun' && !path?.endsWith(seedVolumeName(domain.uuid))) continue;
      if (path === undefined)
        notes.push(`Kept ${device} (${describeSource(source)}): it is not a disk file of this host.`);
      else if (fate === 'keep' && kind !== 'cdrom' && kind !== 'floppy')
        notes.push(`Kept ${device} (${path}), as asked.`);
      else tops.push({ what: device, source, format });
    }
    for (const { name, snapshot } of snapshots)
      for (const { source, format } of snapshotOwnFiles(snapshot)) {
        const what = `a file of the snapshot "${name}"`;
        if (fate === 'delete') tops.push({ what, source, format });
        else notes.push(`Kept ${what} (${describeSource(source)}), as asked.`);
      }

    // What is below a disk is the machine's own if it was its disk before, or came to be by a linked clone.
    const before = snapshots.flatMap(({ snapshot }) => domainReferences(child(snapshot, 'domain')));
    const own = await this.#identities([
      ...before.flatMap(({ source, writes }) => (writes ? [source] : [])),
      ...bases.map((path): DiskSource => ({ kind: 'file', path })),
    ]);
    const seen = new Set<string>();
    const chains = [];
    for (const top of tops) chains.push(await this.#chain(top, own, seen, notes));
    for (const { name, snapshot } of snapshots)
      for (const { source, writes } of domainReferences(child(snapshot, 'domain'))) {
        const path = writes ? await this.#storage.pathOf(source) : undefined;
        if (path === undefined || path === (await this.#stateFiles.nvramOf(xml))) continue;
        // Firmware variables that have moved since, above all.
        if (!(await this.#storage.files.mayExist(path))) continue;
        if (fate === 'delete' && !seen.has(await this.#storage.files.identity(path)))
          notes.push(`Kept ${path}: it was a disk when the snapshot "${name}" was taken, and is none now.`);
      }
    for (const path of await this.#logs(xml))
      notes.push(`Kept ${path}: it is what a serial port or a console has written.`);
    return {
      chains,
      nvram: (await this.#stateFiles.nvramOf(xml)) ?? null,
      copies: await this.#stateFiles.keptFor(domain.uuid),
      nics: [...nics, ...leaving],
      notes: [...new Set(notes)],
    };
  }

  /**
   * The files of one disk that may go with it, from top to bottom, and what is to be said of the others. Throws `wrong-state` for
   * one that a snapshot of the machine brings back.
   */
  async ofDisk(domain: Domain, device: string, source: DiskSource, format: string): Promise<DiskRemains> {
    const top = source.kind === 'dir' ? undefined : await this.#storage.pathOf(source);
    if (top === undefined)
      return { links: [], notes: [`Kept ${device} (${describeSource(source)}): it is not a disk file of this host.`] };
    const identity = await this.#storage.files.identity(top);
    const holding: string[] = [];
    for (const { name, snapshot } of await this.#snapshots(domain)) {
      const held = await this.#identities(snapshotReferences(snapshot).map((reference) => reference.source));
      if (held.has(identity)) holding.push(name);
    }
    if (holding.length > 0)
      throw new ProblemError(
        'wrong-state',
        `Snapshots of the VM bring ${device} back: ${quoted(holding)}. Delete them first.`,
      );
    const { bases } = readDomain(await domain.xml({ inactive: true }));
    const own = await this.#identities(bases.map((path): DiskSource => ({ kind: 'file', path })));
    const notes: string[] = [];
    const { links } = await this.#chain({ what: device, source, format }, own, new Set(), notes);
    return { links, notes };
  }

  /** Files that its character devices write to, as far as they are there. */
  async #logs(xml: string): Promise<string[]> {
    const devices = child(child(parseXml(xml), 'domain'), 'devices');
    const characters = ['serial', 'parallel', 'console', 'channel'].flatMap((kind) => children(devices, kind));
    const paths = characters.flatMap((device) => [
      attribute(device, 'type') === 'file' ? attribute(child(device, 'source'), 'path') : undefined,
      attribute(child(device, 'log'), 'file'),
    ]);
    const there: string[] = [];
    for (const path of new Set(paths))
      if (path !== undefined && this.#storage.files.local && (await this.#storage.files.mayExist(path)))
        there.push(path);
    return there;
  }

  async #chain(
    { what, source, format }: Top,
    own: ReadonlySet<string>,
    seen: Set<string>,
    notes: string[],
  ): Promise<{ what: string; links: string[] }> {
    const links: string[] = [];
    const top = (await this.#storage.pathOf(source))!;
    // What is below disks of ours became a base by a linked clone, and below one of another tool it is what that was given.
    let isAllOurs = true;
    try {
      for await (const { path } of backingChain(this.#storage, { path: top, format })) {
        const identity = await this.#storage.files.identity(path);
        if (seen.has(identity)) break;
        const volume = await this.#storage.at(path);
        // An image is shared by all that are made from it, and nobody expects it to go.
        if (volume && this.#storage.isImage(volume)) break;
        const described = path === top ? what : `the base of ${what}`;
        const isOfOurMaking = volume !== undefined && isDerivedName(volume.name);
        if (path !== top && !own.has(identity) && !(isAllOurs && isOfOurMaking)) {
          notes.push(`Kept ${described} (${path}): it was there before the VM.`);
          break;
        }
        isAllOurs &&= isOfOurMaking;
        seen.add(identity);
        if (!volume || (await this.#storage.files.isLink(await volume.path()))) {
          const isThere = await this.#storage.files.mayExist(path);
          if (isThere)
            notes.push(`Kept ${described} (${path}): it is in no storage pool of libvirt. Remove it by hand.`);
          break;
        }
        links.push(path);
      }
    } catch (error) {
      if (!(error instanceof UnseenBelowError)) throw error;
      notes.push(`Kept what is below ${what}, if there is anything: ${foreignText(error.message)}.`);
    }
    return { what, links };
  }

  async #snapshots(domain: Domain): Promise<{ name: string; snapshot: Xml | undefined }[]> {
    const snapshots = await domain.snapshots();
    const documents = await Promise.all(snapshots.map((snapshot) => orUndefined(snapshot.xml())));
    return documents.flatMap((xml) => {
      const snapshot = xml === undefined ? undefined : child(parseXml(xml), 'domainsnapshot');
      return snapshot ? [{ name: text(snapshot, 'name') ?? '', snapshot }] : [];
    });
  }

  async #identities(sources: readonly DiskSource[]): Promise<Set<string>> {
    const identities = new Set<string>();
    for (const source of sources) {
      const path = await this.#storage.pathOf(source);
      if (path !== undefined) identities.add(await this.#storage.files.identity(path));
    }
    return identities;
  }
}
