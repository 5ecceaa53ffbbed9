import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ProblemError, type Forecast, type Volume } from '@polyvirt/contracts';
import { gibOf, volumeIdOf, type Effect, type OperationContext, type VolumeFacet } from '@polyvirt/hypervisor';
import { isThere, MAKING_MARK } from '../inventory/discovery.ts';
import type { Machine } from '../inventory/identity.ts';
import { folderOf, type Machines } from '../inventory/machines.ts';
import { orUnreadable } from '../inventory/unreadable.ts';
import { removeDisk } from './disk-tool.ts';
import { disksUsedBy, DiskUsers, isLayer } from './disk-users.ts';
import { removeIfDeserted } from '../lifecycle/kept-disks.ts';
import { abandonedBases } from '../lifecycle/remains.ts';
import { chainOf, partsOf, readVmdk, realPath } from './vmdk.ts';

const deleteIt = { name: 'delete the volume' } as const;

/** Parts of a disk are none by themselves. */
const isExtent = (path: string) => /-(s\d{3}|f\d{3}|flat|delta)\.vmdk$/i.test(path);

/** Disks in the folders of VMs that no VM needs. */
export class HostVolumes implements VolumeFacet {
  constructor(private readonly machines: Machines) {}

  async list(): Promise<Volume[]> {
    const users = await DiskUsers.read(this.machines);
    const owners = new Map((await this.machines.all()).map((machine) => [folderOf(machine), machine.nativeId]));
    const volumes: Volume[] = [];
    for (const path of await this.#candidates()) {
      if (isLayer(path) || users.isOfUnseen(path) || (await this.#othersThan(path, users)).length > 0) continue;
      const disk = await orUnreadable(readVmdk(path));
      const seen = disk && (await orUnreadable(Promise.all(disk.files.map((file) => stat(file)))));
      if (!disk || !seen) continue;
      const owner = owners.get(dirname(path));
      volumes.push({
        id: volumeIdOf(path),
        name: basename(path),
        sizeGiB: gibOf(disk.bytes),
        usedGiB: gibOf(seen.reduce((sum, { size }) => sum + size, 0)),
        format: 'vmdk',
        path,
        modifiedAt: new Date(Math.max(...seen.map(({ mtimeMs }) => mtimeMs))).toISOString(),
        ...(owner !== undefined && { lastVm: owner }),
      });
    }
    return volumes.sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** The path of a volume that no VM needs. Throws `volume-not-found` or `volume-in-use`. */
  async require(id: string, pointer: string): Promise<string> {
    const candidates = [...(await this.#candidates()), ...(await this.#inUse())];
    const path = candidates.find((one) => volumeIdOf(one) === id);
    const fault = (detail: string) => ({ errors: [{ pointer, detail }] });
    if (path === undefined)
      throw new ProblemError(
        'volume-not-found',
        `There is no volume ${id} in the folders of VMs. The volumes of the host are listed beside its images.`,
        fault('There is no such volume.'),
      );
    const users = await DiskUsers.read(this.machines);
    const names = (await this.#othersThan(path, users)).map(({ name }) => `"${name}"`);
    if (names.length > 0)
      throw new ProblemError(
        'volume-in-use',
        `The volume ${id} (${path}) is in use by ${names.join(', ')}. Detach it there first.`,
        fault('It is in use.'),
      );
    if (users.doubt !== undefined)
      throw new ProblemError(
        'volume-in-use',
        `The volume ${id} (${path}) may be in use: ${users.doubt}`,
        fault('It may be in use.'),
      );
    return path;
  }

  async delete(id: string, { journal }: OperationContext): Promise<Effect> {
    const chain = await journal.step({
      name: 'look for the volume',
      act: async () => chainOf(await this.require(id, 'volume')),
    });
    await journal.step({ ...deleteIt, act: () => this.#remove(chain) });
    return 'changed';
  }

  /** Throws what a deletion would end with. */
  async planDelete(id: string): Promise<Forecast> {
    await this.require(id, 'volume');
    return { steps: [deleteIt] };
  }

  /** Why a disk that a machine has given up has to stay; undefined when nobody needs it. */
  async #neededBy(path: string, machine: Machine): Promise<string | undefined> {
    const real = await realPath(path);
    if (await (await disksUsedBy(machine, this.machines)).has(real)) return 'the VM has it still.';
    const users = await DiskUsers.read(this.machines);
    const others = (await this.#othersThan(real, users)).map(({ name }) => `"${name}"`);
    return others.length > 0 ? `it is in use by ${others.join(', ')}.` : users.doubt;
  }

  /**
   * Deletes a disk that a machine has given up, unless it is needed. `chain` begins with it, as it was before: once it is gone nothing
   * says any more what it stood on. Answers why it stays.
   */
  async deleteGivenUp(chain: readonly string[], machine: Machine): Promise<string | undefined> {
    const reason = await this.#neededBy(chain[0]!, machine);
    if (reason === undefined) await this.#remove(chain);
    return reason;
  }

  /** With the bases that were kept for it alone. */
  async #remove(chain: readonly string[]): Promise<void> {
    await removeDisk(chain[0]!);
    const bases = await abandonedBases(chain, this.machines);
    for (const base of bases) await removeDisk(base);
    for (const folder of new Set(bases.map((base) => dirname(base)))) await removeIfDeserted(folder);
  }

  /** Of a loose disk, it itself is told as what needs it. */
  async #othersThan(path: string, users: DiskUsers) {
    const parts = await partsOf(path);
    const all = (await Promise.all(parts.map((part) => users.of(part)))).flat();
    return all.filter((user) => user.path !== path);
  }

  async #candidates(): Promise<string[]> {
    const loose: string[] = [];
    for (const path of (await this.machines.survey()).disks)
      // A machine that is being made has them soon, and so has one that may be.
      if (!(await isThere(join(dirname(path), MAKING_MARK)))) loose.push(await realPath(path));
    return [...new Set(loose)].filter((path) => !isExtent(path));
  }

  /** Disks of machines, so that a volume that is in use is told as such. */
  async #inUse(): Promise<string[]> {
    const { machines } = await this.machines.survey();
    const files = await Promise.all(machines.map((machine) => orUnreadable(this.machines.diskFiles(machine))));
    return Promise.all(files.flatMap((own) => own ?? []).map(({ path }) => realPath(path)));
  }
}
