import { ProblemError, type CreateSnapshot } from '@polyvirt/contracts';
import type { Domain, Libvirt, Snapshot } from '@polyvirt/node-libvirt';
import { isDisk, type DomainDisk } from '../domain/domain-reader.ts';
import type { Machines } from '../domain/machines.ts';
import { isOn } from '../domain/states.ts';
import type { StateFiles } from '../lifecycle/state-files.ts';
import type { PowerOffWork } from '../power-off-work.ts';
import { deleteSnapshotIn, revertTo, snapshotsIn, takeSnapshotIn } from '../storage/qemu-img.ts';
import { orUndefined, type StoragePool } from '../storage/storage-pool.ts';
import { child, parseXml, text } from '../xml.ts';
import { keyOf, tagOf } from './kept.ts';
import { definitionsThen, readOwnSnapshot, snapshotDocument, type SnapshotThen } from './snapshot-document.ts';
import { SnapshotJobs } from './snapshot-jobs.ts';

/** What a snapshot has to know of the machine at its beginning, whichever process ends it. */
export interface Before {
  /** Whether it ran: it is paused meanwhile. */
  readonly wasRunning: boolean;
}

/** Whether a snapshot holds the content of a disk. */
export const isKept = (disk: DomainDisk): boolean => isDisk(disk) && !disk.readonly;

/**
 * Snapshots of machines with firmware variables or a TPM, of which libvirt takes none: inside the disks by QEMU, with the memory of
 * one that is on, and a copy of what is beside the disks. libvirt is told of each, so that it is in its tree, and the copies are
 * noted in the definition that it holds. Every method looks first, and may be repeated after it was cut.
 */
export class QemuSnapshots {
  readonly #libvirt: Libvirt;
  readonly #machines: Machines;
  readonly #stateFiles: StateFiles;
  readonly #storage: StoragePool;
  readonly #powerOffWork: PowerOffWork;

  constructor(parts: {
    libvirt: Libvirt;
    machines: Machines;
    stateFiles: StateFiles;
    storage: StoragePool;
    powerOffWork: PowerOffWork;
  }) {
    this.#libvirt = parts.libvirt;
    this.#machines = parts.machines;
    this.#stateFiles = parts.stateFiles;
    this.#storage = parts.storage;
    this.#powerOffWork = parts.powerOffWork;
  }

  /** Throws what would refuse one of this name. */
  async check(domain: Domain, { name }: CreateSnapshot): Promise<void> {
    if (!this.#storage.files.local) throw new ProblemError('capability-missing', noSnapshotsFromAfar);
    if (!(await this.#machines.isOn(domain)) && (await domain.isActive()))
      throw new ProblemError(
        'wrong-state',
        'It was kept as it crashed, and its QEMU still holds its disks. Stop it with force first.',
      );
    await this.#stateFiles.parts(await domain.xml());
    const tag = tagOf(name);
    for (const path of await this.#present(domain))
      if (await this.#find(path, tag))
        throw new ProblemError(
          'name-taken',
          `${path} holds a snapshot "${tag}" that libvirt does not know. Choose another name, or remove it while the VM is off: qemu-img snapshot -d.`,
        );
  }

  async take(domain: Domain, input: CreateSnapshot, before: Before, isRepeat: boolean): Promise<void> {
    try {
      if (await orUndefined(domain.snapshot(input.name))) return;
      if (before.wasRunning && (await this.#machines.state(domain)) === 'running') await domain.suspend();
      await this.#take(domain, input, before, isRepeat);
    } finally {
      await this.#letRun(domain, before);
    }
  }

  async #take(domain: Domain, input: CreateSnapshot, before: Before, isRepeat: boolean): Promise<void> {
    const isOnNow = isOn(await this.#machines.state(domain));
    const [tag, paths] = [tagOf(input.name), await this.#present(domain)];
    if (isRepeat) await this.#removeTag(domain, tag, paths);
    const definition = await domain.xml({ secure: true, ...(isOnNow && { migratable: true }) });
    // Nothing writes to it now, and with less rights than this needs nothing is begun.
    const copies = await this.#stateFiles.keep(definition, domain.uuid, keyOf(input.name));
    if (isOnNow) await this.#jobs(domain).save(tag, paths);
    else for (const path of paths) await takeSnapshotIn(path, tag);
    const { disks } = await this.#machines.liveDefinition(domain);
    const document = snapshotDocument({
      ...input,
      state: isOnNow ? (before.wasRunning ? 'running' : 'paused') : 'shutoff',
      parent: (await domain.currentSnapshot())?.name,
      disks: disks.map((disk) => ({ device: disk.device, isKept: isKept(disk) })),
      definition,
      next: isOnNow ? await domain.xml({ inactive: true, secure: true }) : undefined,
      kept: { tag, copies },
    });
    await domain.createSnapshot(document, { redefine: true, current: true });
  }

  /** Makes as if none of this name had been taken. */
  async undoTake(domain: Domain, { name }: CreateSnapshot, before: Before): Promise<void> {
    const snapshot = await orUndefined(domain.snapshot(name));
    if (snapshot) await orUndefined(snapshot.delete({ metadataOnly: true }));
    await this.#removeTag(domain, tagOf(name), await this.#present(domain));
    await this.#removeCopies(domain, name);
    await this.#letRun(domain, before);
  }

  /** Throws `host-rejected` if something that it needs is gone. */
  async requireWhole({ kept, disks }: SnapshotThen): Promise<void> {
    const { files } = this.#storage;
    if (!files.local) throw new ProblemError('host-rejected', noSnapshotsFromAfar);
    for (const { path } of kept.copies) if (!(await files.mayExist(path))) throw gone(path);
    for (const path of await this.#paths(disks))
      if (!(await this.#find(path, kept.tag))) throw gone(`"${kept.tag}" in ${path}`);
  }

  async revert(domain: Domain, snapshot: Snapshot): Promise<void> {
    const xml = await snapshot.xml({ secure: true });
    const { kept, state, disks } = readOwnSnapshot(xml)!;
    const paths = await this.#paths(disks);
    // What was suspended since belongs to a present that is given up.
    if (await domain.hasManagedSave()) await domain.removeManagedSave();
    await this.#turnOff(domain);
    // Of two that do what waited for the power-off one would come in between.
    await this.#powerOffWork.apply(domain);
    const { definition, next } = await this.#then(domain, xml);
    await this.#libvirt.domains.define(next);
    if (await domain.isActive()) throw new ProblemError('wrong-state', 'Somebody started it in the meantime.');
    await this.#stateFiles.bringBack(next, kept.copies);
    if (state === 'shutoff')
      for (const path of paths) {
        const inside = await this.#find(path, kept.tag);
        if (!inside) throw gone(`"${kept.tag}" in ${path}`);
        await revertTo(inside, path);
      }
    else {
      // Of a machine that is defined this starts it with other hardware than its next start has.
      await this.#libvirt.domains.createTransient(definition, { paused: true });
      await this.#jobs(domain)
        .load(kept.tag, paths)
        .catch(async (error: unknown) => {
          // With its old disks and none of its memory it is no machine that anybody asked for.
          await this.#turnOff(domain);
          throw error;
        });
      if (state === 'running') await domain.resume();
    }
    await domain.createSnapshot(xml, { redefine: true, current: true });
  }

  async delete(domain: Domain, snapshot: Snapshot, { kept, disks }: SnapshotThen): Promise<void> {
    await this.#removeTag(domain, kept.tag, await this.#paths(disks));
    await orUndefined(snapshot.delete({ metadataOnly: true }));
    await this.#removeCopies(domain, snapshot.name);
  }

  async #then(domain: Domain, xml: string): Promise<{ definition: string; next: string }> {
    const present = await domain.xml({ inactive: true });
    const name = text(child(parseXml(present), 'domain'), 'name')!;
    const { next } = definitionsThen(xml, { name, nvram: undefined });
    const hasVariables = (await this.#stateFiles.nvramOf(next)) !== undefined;
    return definitionsThen(xml, {
      name,
      nvram: hasVariables ? await this.#stateFiles.nvramOf(present) : undefined,
    });
  }

  async #turnOff(domain: Domain): Promise<void> {
    if (!(await domain.isActive())) return;
    await domain.destroy().catch(async (error: unknown) => {
      // It may have ended by itself between the look and the act.
      if (await domain.isActive()) throw error;
    });
  }

  async #letRun(domain: Domain, { wasRunning }: Before): Promise<void> {
    if (wasRunning && (await this.#machines.state(domain)) === 'paused') await domain.resume();
  }

  /** Disks of another QEMU, or of none, are for qemu-img, which refuses those that are written to. */
  async #removeTag(domain: Domain, tag: string, paths: readonly string[]): Promise<void> {
    const { files } = this.#storage;
    const isActive = await domain.isActive();
    const open = new Set(
      isActive ? await Promise.all((await this.#present(domain)).map((path) => files.identity(path))) : [],
    );
    const inQemu: string[] = [];
    for (const path of paths) {
      if (!(await files.mayExist(path)) || !(await this.#find(path, tag))) continue;
      if (open.has(await files.identity(path))) inQemu.push(path);
      else await deleteSnapshotIn(path, tag);
    }
    if (inQemu.length > 0) await this.#jobs(domain).remove(tag, inQemu);
  }

  async #removeCopies({ uuid }: Domain, name: string): Promise<void> {
    await this.#stateFiles.removeKept(await this.#stateFiles.keptFor(uuid, keyOf(name)));
  }

  async #find(path: string, tag: string) {
    return (await snapshotsIn(path)).find(({ name }) => name === tag);
  }

  /** Files of the disks that a snapshot of the machine would be in. */
  async #present(domain: Domain): Promise<string[]> {
    return this.#paths((await this.#machines.liveDefinition(domain)).disks.filter(isKept));
  }

  async #paths(disks: readonly DomainDisk[]): Promise<string[]> {
    const paths: string[] = [];
    for (const { device, source } of disks) {
      const path = source && (await this.#storage.pathOf(source));
      if (path === undefined)
        throw new ProblemError(
          'capability-missing',
          `${device} is no file of the host, and a snapshot of this VM is kept inside such files.`,
        );
      paths.push(path);
    }
    return paths;
  }

  #jobs(domain: Domain): SnapshotJobs {
    return new SnapshotJobs(domain, this.#storage.files);
  }
}

/** Why a host whose agent is on another machine lacks them. */
export const noSnapshotsFromAfar =
  'A snapshot of a VM with UEFI firmware or a TPM has a copy of what these keep, which only an agent beside libvirt can make. Run one there.';

const gone = (what: string) =>
  new ProblemError('host-rejected', `The snapshot needs ${what}, which is not there any more. Delete the snapshot.`);
