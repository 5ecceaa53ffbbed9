import { ProblemError, type DeleteVm, type Forecast, type NativeId } from '@polyvirt/contracts';
import { allow, type Journal, type OperationContext, type Outcome, type PlanRequest } from '@polyvirt/hypervisor';
import type { Domain, Libvirt } from '@polyvirt/node-libvirt';
import { vmNotFound, type Machines } from '../domain/machines.ts';
import { isOn } from '../domain/states.ts';
import type { Networks } from '../networks.ts';
import { reasonToKeep } from '../storage/delete-unused.ts';
import { DiskUsers, quoted } from '../storage/disk-users.ts';
import type { HostVolumes } from '../storage/host-volumes.ts';
import type { StoragePool } from '../storage/storage-pool.ts';
import { undefineWithState } from './new-machine.ts';
import { RemainsReader, type Remains } from './remains.ts';
import type { StateFiles } from './state-files.ts';
import { refuseTransient } from '../transient.ts';

const steps = {
  undefine: { name: 'undefine the domain', native: 'domain_undefine_flags' },
  file: (path: string) => ({ name: `delete ${path} unless it is in use`, native: 'storage_vol_delete' }),
  copies: { name: 'delete what was kept for its snapshots beside its disks', native: 'rm' },
  release: { name: 'release its addresses', native: 'network_update' },
} as const;

/** Deletes machines and what belongs to nobody else. */
export class Removal {
  readonly #libvirt: Libvirt;
  readonly #machines: Machines;
  readonly #storage: StoragePool;
  readonly #networks: Networks;
  readonly #volumes: HostVolumes;
  readonly #stateFiles: StateFiles;
  readonly #remains: RemainsReader;

  constructor(parts: {
    libvirt: Libvirt;
    machines: Machines;
    storage: StoragePool;
    networks: Networks;
    stateFiles: StateFiles;
    volumes: HostVolumes;
  }) {
    this.#libvirt = parts.libvirt;
    this.#machines = parts.machines;
    this.#storage = parts.storage;
    this.#networks = parts.networks;
    this.#volumes = parts.volumes;
    this.#stateFiles = parts.stateFiles;
    this.#remains = new RemainsReader(parts.storage, parts.stateFiles);
  }

  async delete(nativeId: NativeId, input: DeleteVm, context: OperationContext): Promise<Outcome> {
    const { journal } = context;
    const remains = await journal.step({
      name: 'find what belongs to it',
      native: 'domain_get_xml_desc',
      act: async () => JSON.stringify(await this.#inspect(nativeId, input)),
    });
    const found = JSON.parse(remains) as Remains;
    context.progress(20);

    const keptState = await journal.step({
      ...steps.undefine,
      act: () => this.#undefine(nativeId, found),
    });
    context.progress(50);
    const kept = await this.#deleteUnused(nativeId, found, journal);
    const keptCopies =
      found.copies.length === 0
        ? []
        : await journal.step({ ...steps.copies, act: () => this.#deleteCopies(nativeId, found.copies) });
    await journal.step({
      ...steps.release,
      act: () => this.#networks.release(found.nics),
    });
    return { effect: 'changed', notes: [...found.notes, ...keptState, ...kept, ...keptCopies] };
  }

  /** What would be deleted and what would be kept, with paths. */
  async plan({ nativeId, vm, input }: PlanRequest<DeleteVm>): Promise<Forecast> {
    const { chains, nvram, copies, notes } = await this.#inspect(nativeId, input);
    const users = await DiskUsers.read(this.#libvirt, this.#storage, nativeId);
    const kept = [...notes];
    const doomed: string[] = [];
    const all = chains.flatMap(({ links }) => links);
    for (const { what, links } of chains)
      for (const [depth, path] of links.entries()) {
        const reason = await reasonToKeep(path, users, this.#volumes, all);
        if (reason === null) doomed.push(path);
        else kept.push(keptFile(what, depth, path, reason));
        if (reason !== null) break;
      }
    const reason = nvram === null ? null : await reasonToKeep(nvram, users, this.#volumes, []);
    if (reason !== null) kept.push(keptVariables(nvram, reason));
    const isLoss = doomed.length > 0 || vm.snapshots.length > 0 || vm.state === 'suspended';
    return {
      disruption: isLoss ? 'data-loss' : 'none',
      steps: [steps.undefine, ...doomed.map(steps.file), ...(copies.length > 0 ? [steps.copies] : []), steps.release],
      warnings: kept.map((detail) => ({ code: 'file-kept', detail })),
    };
  }

  async #inspect(nativeId: NativeId, { disks }: DeleteVm): Promise<Remains> {
    const domain = await this.#machines.find(nativeId);
    if (!domain) throw vmNotFound(nativeId);
    await refuseTransient(domain, 'delete');
    allow('delete', await this.#machines.state(domain));
    return this.#remains.read(domain, disks);
  }

  /**
   * Deletes what no other machine needs, and answers what was kept. The users are read when the machine is gone: of several
   * that stand on one file, the last to go takes it along.
   */
  async #deleteUnused(nativeId: NativeId, { chains }: Remains, journal: Journal): Promise<string[]> {
    const read = () => DiskUsers.read(this.#libvirt, this.#storage, nativeId);
    let reading: Promise<DiskUsers> | undefined;
    const all = chains.flatMap(({ links }) => links);
    const keep = (path: string, users: DiskUsers) => reasonToKeep(path, users, this.#volumes, all);
    const kept: string[] = [];
    for (const { what, links } of chains) {
      for (const [depth, path] of links.entries()) {
        const reason = await journal.step({
          ...steps.file(path),
          act: async () => {
            const known = await keep(path, await (reading ??= read()));
            // Whoever needed it may be on the way out as well, and of two that see each other nobody would take it along.
            const reason = known === null ? null : await keep(path, await read());
            if (reason === null) await this.#storage.delete(path);
            return reason;
          },
        });
        if (reason === null) continue;
        kept.push(keptFile(what, depth, path, reason));
        break;
      }
    }
    return kept;
  }

  /** But for those that a snapshot of another machine names, which somebody has made of one of this. */
  async #deleteCopies(nativeId: NativeId, copies: readonly string[]): Promise<string[]> {
    const users = await DiskUsers.read(this.#libvirt, this.#storage, nativeId);
    const kept: string[] = [];
    for (const path of copies) {
      const names = await users.of(path);
      if (names.length === 0) await this.#stateFiles.removeKept([path]);
      else kept.push(`Kept ${path}: it is in use by ${quoted(names)}.`);
    }
    return kept;
  }

  /**
   * libvirt undefines a running domain too, and its definition is then lost. So the state is looked at before, and one
   * that was started by somebody else in between is defined again. Answers what was kept.
   */
  async #undefine(nativeId: NativeId, { nvram }: Remains): Promise<string[]> {
    const domain = await this.#machines.find(nativeId);
    if (!domain) return [];
    await this.#endRemains(domain);
    await this.#refuseIfOn(domain);
    const reason =
      nvram === null
        ? null
        : await reasonToKeep(nvram, await DiskUsers.read(this.#libvirt, this.#storage, nativeId), this.#volumes, []);
    const xml = await domain.xml({ inactive: true, secure: true });
    await undefineWithState(domain, xml, { keepNvram: reason !== null });
    const survivor = await this.#machines.find(nativeId);
    if (survivor) {
      await this.#libvirt.domains.define(xml);
      await this.#refuseIfOn(survivor);
    }
    return reason === null ? [] : [keptVariables(nvram, reason)];
  }

  /** A machine that was kept as it crashed, or whose guest sleeps, still has its QEMU. */
  async #endRemains(domain: Domain): Promise<void> {
    if (!isOn(await this.#machines.state(domain)) && (await domain.isActive())) await domain.destroy();
  }

  async #refuseIfOn(domain: Domain): Promise<void> {
    if (await domain.isActive())
      throw new ProblemError('wrong-state', 'Somebody started it in the meantime. Stop it first.');
  }
}

const keptFile = (what: string, depth: number, path: string, reason: string): string =>
  `Kept ${depth === 0 ? what : `the base of ${what}`} (${path}): ${reason}`;

const keptVariables = (path: string | null, reason: string): string =>
  `Kept the file of the firmware variables (${path}): ${reason}`;
