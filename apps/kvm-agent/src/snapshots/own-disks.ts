import type { Outcome } from '@polyvirt/hypervisor';
import type { Domain } from '@polyvirt/node-libvirt';
import { domainReferences, snapshotReferences, type FileReference } from '../storage/file-references.ts';
import { orUndefined, type StoragePool } from '../storage/storage-pool.ts';
import { child, parseXml } from '../xml.ts';

/** Disks that a machine names: in its definition, and in its snapshots. */
export class OwnDisks {
  readonly #storage: StoragePool;

  constructor(storage: StoragePool) {
    this.#storage = storage;
  }

  /** Their paths. */
  async of(domain: Domain): Promise<string[]> {
    const definitions = await Promise.all([domain.xml(), domain.xml({ inactive: true })]);
    const snapshots = await Promise.all((await domain.snapshots()).map((snapshot) => orUndefined(snapshot.xml())));
    const references: FileReference[] = [
      ...definitions.flatMap((xml) => domainReferences(child(parseXml(xml), 'domain'))),
      ...snapshots.flatMap((xml) =>
        xml === undefined ? [] : snapshotReferences(child(parseXml(xml), 'domainsnapshot')),
      ),
    ];
    const written = references.filter(({ writes }) => writes);
    const paths = await Promise.all(written.map(({ source }) => this.#storage.pathOf(source)));
    return [...new Set(paths.filter((path) => path !== undefined))];
  }

  /** What is to be said of those that it had before, has no more, and that are still there. */
  async givenUp(domain: Domain, before: readonly string[]): Promise<Pick<Outcome, 'notes'>> {
    const now = new Set(await this.of(domain));
    const left: string[] = [];
    for (const path of before) if (!now.has(path) && (await this.#storage.files.mayExist(path))) left.push(path);
    return left.length > 0 ? { notes: left.map((path) => `Kept ${path}: the VM has it no more.`) } : {};
  }
}
