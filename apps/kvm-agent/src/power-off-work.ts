import type { Domain } from '@polyvirt/node-libvirt';
import { readDomain } from './domain/domain-reader.ts';
import { changeOwnMetadata } from './domain/own-metadata.ts';
import type { StateFiles } from './lifecycle/state-files.ts';
import type { Networks } from './networks.ts';

/**
 * What waits until a machine is off, and libvirt does not do then: it renames no running machine, and an address stays
 * reserved as long as the interface is there. Both are in the metadata of the machine.
 */
export class PowerOffWork {
  readonly #stateFiles: StateFiles;
  readonly #networks: Networks;
  readonly #applying = new Map<string, Promise<boolean>>();

  constructor(stateFiles: StateFiles, networks: Networks) {
    this.#stateFiles = stateFiles;
    this.#networks = networks;
  }

  /** Notes the name that a running machine is to get; undefined forgets it. */
  async noteName(domain: Domain, name: string | undefined): Promise<void> {
    await changeOwnMetadata(domain, { pendingName: name });
  }

  /** Notes that an interface goes with the power-off, or that it does not any more. */
  async noteLeaving(domain: Domain, nic: { mac: string; network: string }, isLeaving: boolean): Promise<void> {
    const { leaving } = readDomain(await domain.xml());
    const others = leaving.filter(({ mac }) => mac !== nic.mac);
    await changeOwnMetadata(domain, { leaving: isLeaving ? [...others, nic] : others });
  }

  /** Does it for a machine that is off. Returns whether there was anything to do. */
  apply(domain: Domain): Promise<boolean> {
    // Whoever stopped it and whoever saw it stop come at the same time.
    const { uuid } = domain;
    const applying = this.#applying.get(uuid) ?? this.#apply(domain).finally(() => this.#applying.delete(uuid));
    this.#applying.set(uuid, applying);
    return applying;
  }

  async #apply(domain: Domain): Promise<boolean> {
    // One that is suspended resumes with what it had.
    if ((await domain.isActive()) || (await domain.hasManagedSave())) return false;
    const { name, pendingName, leaving } = readDomain(await domain.xml({ inactive: true }));
    if (pendingName === undefined && leaving.length === 0) return false;
    if (pendingName !== undefined && pendingName !== name) {
      // What libvirt finds by the name of the machine would be another file afterwards.
      await this.#stateFiles.own(domain);
      await domain.rename(pendingName).catch(async (error: unknown) => {
        // Another agent of this host, or a call of before whose answer was lost, may have come first.
        if (readDomain(await domain.xml({ inactive: true })).name !== pendingName) throw error;
      });
    }
    await this.#networks.release(leaving);
    await changeOwnMetadata(domain, { pendingName: undefined, leaving: [] });
    return true;
  }
}
