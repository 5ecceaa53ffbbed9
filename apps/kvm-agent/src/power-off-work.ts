import type { Domain, Libvirt } from '@polyvirt/node-libvirt';
import { readDomain } from './domain/domain-reader.ts';
import { changeOwnMetadata } from './domain/own-metadata.ts';
import type { StateFiles } from './lifecycle/state-files.ts';
import type { Networks } from './networks.ts';
import { deleteUnused } from './storage/delete-unused.ts';
import type { HostVolumes } from './storage/host-volumes.ts';
import type { StoragePool } from './storage/storage-pool.ts';

/**
 * What waits until a machine is off, and libvirt does not do then: it renames no running machine, an address stays reserved as
 * long as the interface is there, and a file as long as QEMU has it open. All of it is in the metadata of the machine.
 */
export class PowerOffWork {
  readonly #stateFiles: StateFiles;
  readonly #networks: Networks;
  readonly #libvirt: Libvirt;
  readonly #storage: StoragePool;
  readonly #volumes: HostVolumes;
  readonly #applying = new Map<string, Promise<boolean>>();

  constructor(parts: {
    libvirt: Libvirt;
    stateFiles: StateFiles;
    networks: Networks;
    storage: StoragePool;
    volumes: HostVolumes;
  }) {
    this.#libvirt = parts.libvirt;
    this.#stateFiles = parts.stateFiles;
    this.#networks = parts.networks;
    this.#storage = parts.storage;
    this.#volumes = parts.volumes;
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

  /** Notes that files go with the power-off, or that they do not any more. */
  async noteDoomed(domain: Domain, paths: readonly string[], isDoomed: boolean): Promise<void> {
    const { doomed } = readDomain(await domain.xml());
    const others = doomed.filter((path) => !paths.includes(path));
    await changeOwnMetadata(domain, { doomed: isDoomed ? [...others, ...paths] : others });
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
    const { name, pendingName, leaving, doomed } = readDomain(await domain.xml({ inactive: true }));
    if (pendingName === undefined && leaving.length === 0 && doomed.length === 0) return false;
    if (pendingName !== undefined && pendingName !== name) {
      // What libvirt finds by the name of the machine would be another file afterwards.
      await this.#stateFiles.own(domain);
      await domain.rename(pendingName).catch(async (error: unknown) => {
        // Another agent of this host, or a call of before whose answer was lost, may have come first.
        if (readDomain(await domain.xml({ inactive: true })).name !== pendingName) throw error;
      });
    }
    await this.#networks.release(leaving);
    if (doomed.length > 0) await deleteUnused(doomed, this.#libvirt, this.#storage, this.#volumes);
    await changeOwnMetadata(domain, { pendingName: undefined, leaving: [], doomed: [] });
    return true;
  }
}
