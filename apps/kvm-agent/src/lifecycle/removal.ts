import { ProblemError, type DeleteVm, type NativeId } from '@polyvirt/contracts';
import { allow, type Journal, type OperationContext, type Outcome } from '@polyvirt/hypervisor';
import type { Domain, Libvirt } from '@polyvirt/node-libvirt';
import type { Machines } from '../domain/machines.ts';
import type { Networks } from '../networks.ts';
import { backingChain, DiskUsers } from '../storage/disk-users.ts';
import { IMAGE_PREFIX } from '../storage/image-library.ts';
import { orUndefined, type StoragePool } from '../storage/storage-pool.ts';
import { seedVolumeName } from './derived-ids.ts';

/** What a machine leaves behind; written into the journal before the machine is gone. */
interface Remains {
  /** Each disk that may go, from its own file down to the last one below it. */
  readonly chains: readonly { device: string; links: readonly string[] }[];
  readonly nics: readonly { network: string; mac: string }[];
  readonly notes: readonly string[];
}

/** Deletes machines and what belongs to nobody else. */
export class Removal {
  readonly #libvirt: Libvirt;
  readonly #machines: Machines;
  readonly #storage: StoragePool;
  readonly #networks: Networks;

  constructor({
    libvirt,
    machines,
    storage,
    networks,
  }: {
    libvirt: Libvirt;
    machines: Machines;
    storage: StoragePool;
    networks: Networks;
  }) {
    this.#libvirt = libvirt;
    this.#machines = machines;
    this.#storage = storage;
    this.#networks = networks;
  }

  async delete(nativeId: NativeId, input: DeleteVm, context: OperationContext): Promise<Outcome> {
    const { journal } = context;
    const remains = await journal.step({
      name: 'look what belongs to it',
      native: 'domain_get_xml_desc',
      act: async () => JSON.stringify((await this.#inspect(nativeId, input)) ?? null),
    });
    const found = JSON.parse(remains) as Remains | null;
    if (!found) return { effect: 'unchanged' };
    context.progress(20);

    await journal.step({
      name: 'undefine the domain',
      native: 'domain_undefine_flags',
      act: () => this.#undefine(nativeId),
    });
    context.progress(50);
    const kept = await this.#deleteUnused(nativeId, found, journal);
    await journal.step({
      name: 'release its addresses',
      native: 'network_update',
      act: () => this.#networks.release(found.nics),
    });
    return { effect: 'changed', notes: [...found.notes, ...kept] };
  }

  async #inspect(nativeId: NativeId, { disks: fate }: DeleteVm): Promise<Remains | undefined> {
    const domain = await this.#machines.find(nativeId);
    if (!domain) return undefined;
    allow('delete', await this.#machines.state(domain));
    const { disks, nics } = await this.#machines.definition(domain);
    const chains: { device: string; links: string[] }[] = [];
    const seen = new Set<string>();
    const notes: string[] = [];
    for (const { device, path, kind } of disks) {
      if (path === undefined) continue;
      const own = kind === 'disk' || path.endsWith(seedVolumeName(nativeId));
      if (!own) continue;
      if (fate === 'keep' && kind === 'disk') {
        notes.push(`Kept ${device} (${path}), as asked.`);
        continue;
      }
      const links: string[] = [];
      chains.push({ device, links });
      for await (const link of backingChain(this.#storage, path)) {
        const volume = await this.#storage.at(link);
        // An image is shared by all that are made from it, and nobody expects it to go.
        if (volume?.name.startsWith(IMAGE_PREFIX) || seen.has(link)) break;
        if (!volume) {
          notes.push(`Kept ${described(device, link === path)} (${link}): it is in no storage pool of libvirt.`);
          break;
        }
        links.push(link);
        seen.add(link);
      }
    }
    return { chains, nics, notes };
  }

  /**
   * Deletes what no other machine needs, and answers what was kept. The users are read when the machine is gone: of several
   * that stand on one file, the last to go takes it along.
   */
  async #deleteUnused(nativeId: NativeId, { chains }: Remains, journal: Journal): Promise<string[]> {
    let reading: Promise<DiskUsers> | undefined;
    const kept: string[] = [];
    for (const { device, links } of chains) {
      for (const [depth, path] of links.entries()) {
        const users = await journal.step({
          name: `delete ${path} unless it is in use`,
          native: 'storage_vol_delete',
          act: async () => {
            const names = (await (reading ??= DiskUsers.read(this.#libvirt, this.#storage, nativeId))).of(path);
            const volume = names.length === 0 ? await this.#storage.at(path) : undefined;
            if (volume) await orUndefined(volume.delete());
            return names;
          },
        });
        if (users.length === 0) continue;
        const names = users.map((name) => `"${name}"`).join(', ');
        kept.push(`Kept ${described(device, depth === 0)} (${path}): it is in use by ${names}.`);
        break;
      }
    }
    return kept;
  }

  /**
   * libvirt undefines a running domain too, and its definition is then lost. So the state is looked at before, and one
   * that was started by somebody else in between is defined again.
   */
  async #undefine(nativeId: NativeId): Promise<void> {
    const domain = await this.#machines.find(nativeId);
    if (!domain) return;
    await this.#refuseIfOn(domain);
    const xml = await domain.xml({ inactive: true, secure: true });
    await domain.undefine({ managedSave: true, snapshotsMetadata: true, nvram: true, checkpointsMetadata: true });
    const survivor = await this.#machines.find(nativeId);
    if (survivor) {
      await this.#libvirt.domains.define(xml);
      await this.#refuseIfOn(survivor);
    }
  }

  async #refuseIfOn(domain: Domain): Promise<void> {
    if (await domain.isActive())
      throw new ProblemError('wrong-state', 'Somebody started it in the meantime. Stop it first.');
  }
}

const described = (device: string, isItsOwn: boolean) => (isItsOwn ? device : `the base of ${device}`);
