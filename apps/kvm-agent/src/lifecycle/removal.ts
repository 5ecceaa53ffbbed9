import { ProblemError, type DeleteVm, type NativeId } from '@polyvirt/contracts';
import { allow, type Journal, type OperationContext, type Outcome } from '@polyvirt/hypervisor';
import type { Domain, Libvirt } from '@polyvirt/node-libvirt';
import type { Machines } from '../domain/machines.ts';
import { isOn } from '../domain/states.ts';
import type { Networks } from '../networks.ts';
import { DiskUsers, quoted } from '../storage/disk-users.ts';
import type { StoragePool } from '../storage/storage-pool.ts';
import { undefineWithState } from './new-machine.ts';
import { RemainsReader, type Remains } from './remains.ts';
import type { StateFiles } from './state-files.ts';
import { refuseTransient } from '../transient.ts';

/** Deletes machines and what belongs to nobody else. */
export class Removal {
  readonly #libvirt: Libvirt;
  readonly #machines: Machines;
  readonly #storage: StoragePool;
  readonly #networks: Networks;
  readonly #remains: RemainsReader;

  constructor(parts: {
    libvirt: Libvirt;
    machines: Machines;
    storage: StoragePool;
    networks: Networks;
    stateFiles: StateFiles;
  }) {
    this.#libvirt = parts.libvirt;
    this.#machines = parts.machines;
    this.#storage = parts.storage;
    this.#networks = parts.networks;
    this.#remains = new RemainsReader(parts.storage, parts.stateFiles);
  }

  async delete(nativeId: NativeId, input: DeleteVm, context: OperationContext): Promise<Outcome> {
    const { journal } = context;
    const remains = await journal.step({
      name: 'find what belongs to it',
      native: 'domain_get_xml_desc',
      act: async () => JSON.stringify((await this.#inspect(nativeId, input)) ?? null),
    });
    const found = JSON.parse(remains) as Remains | null;
    if (!found) return { effect: 'unchanged' };
    context.progress(20);

    const keptState = await journal.step({
      name: 'undefine the domain',
      native: 'domain_undefine_flags',
      act: () => this.#undefine(nativeId, found),
    });
    context.progress(50);
    const kept = await this.#deleteUnused(nativeId, found, journal);
    await journal.step({
      name: 'release its addresses',
      native: 'network_update',
      act: () => this.#networks.release(found.nics),
    });
    return { effect: 'changed', notes: [...found.notes, ...keptState, ...kept] };
  }

  async #inspect(nativeId: NativeId, { disks }: DeleteVm): Promise<Remains | undefined> {
    const domain = await this.#machines.find(nativeId);
    if (!domain) return undefined;
    await refuseTransient(domain, 'delete');
    allow('delete', await this.#machines.state(domain));
    return this.#remains.read(domain, disks);
  }

  /**
   * Deletes what no other machine needs, and answers what was kept. The users are read when the machine is gone: of several
   * that stand on one file, the last to go takes it along.
   */
  async #deleteUnused(nativeId: NativeId, { chains }: Remains, journal: Journal): Promise<string[]> {
    let reading: Promise<DiskUsers> | undefined;
    const kept: string[] = [];
    for (const { what, links } of chains) {
      for (const [depth, path] of links.entries()) {
        const reason = await journal.step({
          name: `delete ${path} unless it is in use`,
          native: 'storage_vol_delete',
          act: async () => {
            const users = await (reading ??= DiskUsers.read(this.#libvirt, this.#storage, nativeId));
            const reason = await reasonToKeep(path, users);
            if (reason === null) await this.#storage.delete(path);
            return reason;
          },
        });
        if (reason === null) continue;
        kept.push(`Kept ${depth === 0 ? what : `the base of ${what}`} (${path}): ${reason}`);
        break;
      }
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
      nvram === null ? null : await reasonToKeep(nvram, await DiskUsers.read(this.#libvirt, this.#storage, nativeId));
    const xml = await domain.xml({ inactive: true, secure: true });
    await undefineWithState(domain, xml, { keepNvram: reason !== null });
    const survivor = await this.#machines.find(nativeId);
    if (survivor) {
      await this.#libvirt.domains.define(xml);
      await this.#refuseIfOn(survivor);
    }
    return reason === null ? [] : [`Kept the file of the firmware variables (${nvram}): ${reason}`];
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

async function reasonToKeep(path: string, users: DiskUsers): Promise<string | null> {
  const names = await users.of(path);
  if (names.length > 0) return `it is in use by ${quoted(names)}.`;
  const unseen = users.unseenOf(path);
  return unseen.length > 0
    ? `libvirt does not say whether ${quoted(unseen)} needs it. If not, remove it by hand.`
    : null;
}
