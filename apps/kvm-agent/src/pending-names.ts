import type { Domain } from '@polyvirt/node-libvirt';
import { readDomain } from './domain/domain-reader.ts';
import { changeOwnMetadata } from './domain/own-metadata.ts';
import type { StateFiles } from './lifecycle/state-files.ts';

/** libvirt renames no running machine. The new name waits in its metadata and is applied once the machine is off. */
export class PendingNames {
  readonly #stateFiles: StateFiles;

  constructor(stateFiles: StateFiles) {
    this.#stateFiles = stateFiles;
  }

  /** Notes the name that a running machine is to get; undefined forgets it. */
  async note(domain: Domain, name: string | undefined): Promise<void> {
    await changeOwnMetadata(domain, { pendingName: name });
  }

  /** Gives a machine that is off the name that waits for it. Returns whether there was one. */
  async apply(domain: Domain): Promise<boolean> {
    if (await domain.isActive()) return false;
    const { name, pendingName } = readDomain(await domain.xml({ inactive: true }));
    if (pendingName === undefined) return false;
    if (pendingName !== name) {
      // What libvirt finds by the name of the machine would be another file afterwards.
      await this.#stateFiles.own(domain);
      await domain.rename(pendingName);
    }
    await this.note(domain, undefined);
    return true;
  }
}
