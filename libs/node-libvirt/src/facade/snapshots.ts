import type { Libvirt } from '../libvirt.ts';
import {
  flagsOf,
  snapshotDeleteFlags,
  snapshotListFlags,
  snapshotRevertFlags,
  type FlagOptions,
} from '../protocol/flags.ts';
import type { Struct } from '../protocol/schema.ts';

/** A snapshot of a domain. Only its domain's UUID and its name matter; nothing else is kept here. */
export class Snapshot implements Struct<'snapshot'> {
  readonly name: string;
  readonly dom: Struct<'domain'>;
  // Truly private: an object that is logged or serialized shows the snapshot, not the connection.
  readonly #libvirt: Libvirt;

  constructor(libvirt: Libvirt, snapshot: Struct<'snapshot'>) {
    this.#libvirt = libvirt;
    this.name = snapshot.name;
    this.dom = snapshot.dom;
  }

  async xml(options: { secure?: boolean } = {}): Promise<string> {
    const flags = options.secure ? 1 : 0;
    return (await this.#libvirt.call.domainSnapshotGetXmlDesc({ snap: this, flags })).xml;
  }

  /** Rejects with a not-found error for a root. */
  async parent(): Promise<Snapshot> {
    return new Snapshot(this.#libvirt, (await this.#libvirt.call.domainSnapshotGetParent({ snap: this })).snap);
  }

  async children(options: FlagOptions<typeof snapshotListFlags> = {}): Promise<Snapshot[]> {
    const flags = flagsOf(snapshotListFlags, options);
    const reply = await this.#libvirt.call.domainSnapshotListAllChildren({ snapshot: this, flags });
    return reply.snapshots.map((snapshot) => new Snapshot(this.#libvirt, snapshot));
  }

  async isCurrent(): Promise<boolean> {
    return (await this.#libvirt.call.domainSnapshotIsCurrent({ snap: this })).current;
  }

  /** A running domain may come back as a new QEMU process with a new id. */
  revert(options: FlagOptions<typeof snapshotRevertFlags> = {}): Promise<void> {
    return this.#libvirt.call.domainRevertToSnapshot({ snap: this, flags: flagsOf(snapshotRevertFlags, options) });
  }

  /** External snapshots can be deleted from libvirt 9.0 on. */
  delete(options: FlagOptions<typeof snapshotDeleteFlags> = {}): Promise<void> {
    return this.#libvirt.call.domainSnapshotDelete({ snap: this, flags: flagsOf(snapshotDeleteFlags, options) });
  }
}
