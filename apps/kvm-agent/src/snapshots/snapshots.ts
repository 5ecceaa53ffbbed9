import { ProblemError, type CreateSnapshot, type Forecast, type NativeId } from '@polyvirt/contracts';
import {
  allow,
  type Effect,
  type OperationContext,
  type Outcome,
  type PlanRequest,
  type SnapshotFacet,
} from '@polyvirt/hypervisor';
import type { Domain, Libvirt, Snapshot } from '@polyvirt/node-libvirt';
import { isDisk, type DomainDisk } from '../domain/domain-reader.ts';
import { isOn } from '../domain/states.ts';
import type { Machines } from '../domain/machines.ts';
import { hasStateBeside } from '../lifecycle/state-files.ts';
import { backingChain, UnseenBelowError } from '../storage/backing-chain.ts';
import { DiskUsers, quoted, unseenWords } from '../storage/disk-users.ts';
import { orUndefined, type StoragePool } from '../storage/storage-pool.ts';
import { buildXml } from '../xml.ts';
import type { Checkpoints } from './checkpoints.ts';
import { OwnDisks } from './own-disks.ts';
import { isKept, type QemuSnapshots } from './qemu-snapshots.ts';
import { readOwnSnapshot, type SnapshotThen } from './snapshot-document.ts';
import { hardwareBroughtBack, isExternalSnapshot, ownDiskFiles } from './snapshot-reader.ts';

const steps = {
  take: { name: 'take the snapshot', native: 'domain_snapshot_create_xml' },
  takeByQemu: { name: 'take the snapshot', native: 'snapshot-save' },
  revert: { name: 'revert to the snapshot', native: 'domain_revert_to_snapshot' },
  revertByQemu: { name: 'revert to the snapshot', native: 'snapshot-load' },
  forget: { name: 'delete the snapshot', native: 'domain_snapshot_delete' },
} as const;

const REVERTS_EXTERNAL = { major: 9, minor: 9 } as const;

/** Of what the check has found a repeat has to know, as what is there may be of its own making. */
type Found = {
  /** Checkpoints that libvirt has to forget for a moment. */
  aside: string[];
  notes: string[];
  /** Whether libvirt takes it, or QEMU without it. */
  byLibvirt: boolean;
  wasRunning: boolean;
};

/**
 * Internal qcow2 snapshots: disks and memory in one file. libvirt reverts to external ones only from 9.9 on, and Debian 12 has
 * 9.0. Of a machine that has more than that it takes none, and QEMU does.
 */
export class Snapshots implements SnapshotFacet {
  readonly #libvirt: Libvirt;
  readonly #machines: Machines;
  readonly #byQemu: QemuSnapshots;
  readonly #checkpoints: Checkpoints;
  readonly #files: OwnDisks;
  readonly #storage: StoragePool;

  constructor(parts: {
    libvirt: Libvirt;
    machines: Machines;
    byQemu: QemuSnapshots;
    checkpoints: Checkpoints;
    storage: StoragePool;
  }) {
    this.#files = new OwnDisks(parts.storage);
    this.#libvirt = parts.libvirt;
    this.#machines = parts.machines;
    this.#byQemu = parts.byQemu;
    this.#checkpoints = parts.checkpoints;
    this.#storage = parts.storage;
  }

  async create(
    nativeId: NativeId,
    input: CreateSnapshot,
    { journal }: OperationContext,
  ): Promise<{ snapshot: string; effect: Effect; notes: string[] }> {
    const domain = await this.#machines.domain(nativeId);
    const { aside, notes, byLibvirt, ...before } = await journal.step({
      name: 'check state and name',
      native: 'domain_list_all_snapshots',
      act: () => this.#check(domain, input),
    });
    // Of a machine that is off libvirt takes none while it has checkpoints.
    if (aside.length > 0)
      await journal.step({
        name: 'set its checkpoints aside',
        native: 'domain_checkpoint_delete',
        act: () => this.#checkpoints.setAside(domain),
        undo: () => this.#checkpoints.bringBack(domain, aside),
      });
    await journal.step({
      ...(byLibvirt ? steps.take : steps.takeByQemu),
      act: async (isRepeat) => {
        if (!byLibvirt) return this.#byQemu.take(domain, input, before, isRepeat);
        // The name was free at the check, so one that is there now was taken by this very step before it was cut.
        if (await orUndefined(domain.snapshot(input.name))) return;
        await domain.createSnapshot(await this.#xml(domain, input));
      },
      undo: async () => {
        if (!byLibvirt) return this.#byQemu.undoTake(domain, input, before);
        const snapshot = await orUndefined(domain.snapshot(input.name));
        if (snapshot) await orUndefined(snapshot.delete());
      },
    });
    if (aside.length > 0)
      await journal.step({
        name: 'bring its checkpoints back',
        native: 'domain_checkpoint_create_xml',
        act: () => this.#checkpoints.bringBack(domain, aside),
      });
    return { snapshot: input.name, effect: 'changed', notes };
  }

  async plan({ nativeId, vm, input }: PlanRequest<CreateSnapshot>): Promise<Forecast> {
    const domain = await this.#machines.domain(nativeId);
    const { notes, byLibvirt } = await this.#check(domain, input);
    const { name, description } = input;
    const memory = isOn(vm.state);
    return {
      changes: [{ pointer: '/snapshots/-', to: { name, description, state: vm.state, memory } }],
      steps: [byLibvirt ? steps.take : steps.takeByQemu],
      warnings: [
        ...(memory
          ? [{ code: 'stands-still', detail: 'The VM stands still while its memory is written to its disk.' }]
          : []),
        ...notes.map((detail) => ({ code: 'checkpoints', detail })),
      ],
    };
  }

  async revert(nativeId: NativeId, id: string, { journal }: OperationContext): Promise<Outcome> {
    const domain = await this.#machines.domain(nativeId);
    const { template } = await this.#machines.definition(domain);
    allow('snapshot-revert', { state: await this.#machines.state(domain), template });
    const snapshot = await orUndefined(domain.snapshot(id));
    if (!snapshot) throw snapshotNotFound(id);
    const { before, byLibvirt } = await journal.step({
      name: 'look for what keeps QEMU from it',
      native: 'domain_list_all_checkpoints',
      act: async () => {
        const xml = await snapshot.xml();
        await this.#requireRevertible(domain, xml);
        return { before: await this.#files.of(domain), byLibvirt: readOwnSnapshot(xml) === undefined };
      },
    });
    await journal.step({
      ...(byLibvirt ? steps.revert : steps.revertByQemu),
      act: async () => {
        if (!byLibvirt) return this.#byQemu.revert(domain, snapshot);
        // What was suspended since belongs to a present that is given up, as soon as it is certain that it is. libvirt
        // refuses an external snapshot before anything happens.
        const isExternal = isExternalSnapshot(await snapshot.xml());
        const discard = async () => {
          if (await domain.hasManagedSave()) await domain.removeManagedSave();
        };
        if (!isExternal) await discard();
        // Force: the hardware may have changed since, and the snapshot has its own.
        await snapshot.revert({ force: true });
        if (isExternal) await discard();
      },
    });
    return { effect: 'changed', ...(await this.#files.givenUp(domain, before)) };
  }

  async delete(
    nativeId: NativeId,
    { snapshot: id, children }: { snapshot: string; children: boolean },
    { journal }: OperationContext,
  ): Promise<Outcome> {
    const domain = await this.#machines.domain(nativeId);
    allow('snapshot-delete', await this.#machines.state(domain));
    const before = await journal.step({
      name: 'look for the snapshot',
      native: 'domain_snapshot_lookup_by_name',
      act: async () => {
        const snapshot = await orUndefined(domain.snapshot(id));
        if (!snapshot) return null;
        await this.#requireDeletable(domain, id, await snapshot.xml());
        return this.#files.of(domain);
      },
    });
    if (!before) return { effect: 'unchanged' };
    await journal.step({
      ...steps.forget,
      act: async () => {
        const snapshot = await orUndefined(domain.snapshot(id));
        if (snapshot) await this.#delete(domain, snapshot, children);
      },
    });
    return { effect: 'changed', ...(await this.#files.givenUp(domain, before)) };
  }

  /** What the snapshot brings back of the hardware. */
  async planRevert({ nativeId, vm, input }: PlanRequest<{ snapshot: string }>): Promise<Forecast> {
    const domain = await this.#machines.domain(nativeId);
    const snapshot = await orUndefined(domain.snapshot(input.snapshot));
    if (!snapshot) throw snapshotNotFound(input.snapshot);
    const xml = await snapshot.xml();
    await this.#requireRevertible(domain, xml);
    const step = readOwnSnapshot(xml) ? steps.revertByQemu : steps.revert;
    return { changes: hardwareBroughtBack(xml, vm), steps: [step] };
  }

  async planDelete({ nativeId, input }: PlanRequest<{ snapshot: string }>): Promise<Forecast> {
    const domain = await this.#machines.domain(nativeId);
    const snapshot = await orUndefined(domain.snapshot(input.snapshot));
    if (snapshot) await this.#requireDeletable(domain, input.snapshot, await snapshot.xml());
    return { steps: [steps.forget] };
  }

  /** Of a branch with snapshots of ours one after the other goes, those that stand on none first. */
  async #delete(domain: Domain, snapshot: Snapshot, children: boolean): Promise<void> {
    const branch = await this.#branch(snapshot, children);
    if (branch.every(({ own }) => !own)) return void (await orUndefined(snapshot.delete({ children })));
    for (const { one, own } of branch) {
      if (own) await this.#byQemu.delete(domain, one, own);
      else await orUndefined(one.delete());
    }
  }

  async #branch(one: Snapshot, children: boolean): Promise<{ one: Snapshot; own: SnapshotThen | undefined }[]> {
    const xml = await orUndefined(one.xml());
    if (xml === undefined) return [];
    const below = children ? ((await orUndefined(one.children())) ?? []) : [];
    const branches = await Promise.all(below.map((child) => this.#branch(child, true)));
    return [...branches.flat(), { one, own: readOwnSnapshot(xml) }];
  }

  /** libvirt says it as late as this, and of a machine that is on when it has been stopped. */
  async #requireRevertible(domain: Domain, xml: string): Promise<void> {
    if (!isExternalSnapshot(xml)) {
      await this.#refuseForOthers(domain);
      const own = readOwnSnapshot(xml);
      if (own) await this.#byQemu.requireWhole(own);
      return this.#checkpoints.refuseRevert(domain, (await this.#present(domain)).disks);
    }
    const { major, minor, micro } = await this.#libvirt.host.libvirtVersion();
    if (major > REVERTS_EXTERNAL.major || (major === REVERTS_EXTERNAL.major && minor >= REVERTS_EXTERNAL.minor)) return;
    throw new ProblemError(
      'host-rejected',
      `The snapshot is in files of its own, and libvirt ${major}.${minor}.${micro} reverts to none such: from 9.9 on it does. Put the VM on the file that was its disk then with virsh edit.`,
    );
  }

  /** What is inside the disks changes under whatever stands on them. */
  async #refuseForOthers(domain: Domain): Promise<void> {
    const users = await DiskUsers.read(this.#libvirt, this.#storage, domain.uuid);
    const paths = await this.#files.of(domain);
    const names = new Set((await Promise.all(paths.map((path) => users.of(path)))).flat());
    if (names.size > 0)
      throw new ProblemError(
        'wrong-state',
        `It cannot be reverted: ${quoted([...names])} stands on its disks, or has them too. Delete that first, or make a full clone of it.`,
      );
    const unseen = new Map(paths.flatMap((path) => [...users.unseenOf(path)]));
    if (unseen.size > 0)
      throw new ProblemError('host-rejected', `It cannot be reverted now: ${unseenWords(unseen, 'its disks')}`);
  }

  /** libvirt merges the files of a snapshot into those below them, and refuses where the VM stands on others by now. */
  async #requireDeletable(domain: Domain, id: string, xml: string): Promise<void> {
    const own = ownDiskFiles(xml);
    if (own.length === 0) return;
    const { files } = this.#storage;
    const standsOn = new Set<string>();
    for (const { source, format } of (await this.#present(domain)).disks.filter(isDisk)) {
      const path = source && (await this.#storage.pathOf(source));
      if (path === undefined) continue;
      try {
        for await (const link of backingChain(this.#storage, { path, format }))
          standsOn.add(await files.identity(link.path));
      } catch (error) {
        // What nobody can see below, libvirt may.
        if (error instanceof UnseenBelowError) return;
        throw error;
      }
    }
    const left: string[] = [];
    for (const source of own) {
      const path = await this.#storage.pathOf(source);
      if (path !== undefined && !standsOn.has(await files.identity(path))) left.push(path);
    }
    if (left.length === 0) return;
    const [named, them] = [left.join(', '), left.length === 1 ? 'it' : 'them'];
    throw new ProblemError(
      'host-rejected',
      `The snapshot "${id}" is in ${named}, which the VM no longer stands on since it was reverted, and libvirt deletes none such. Have libvirt forget it by virsh snapshot-delete --metadata, and delete ${them} if nothing else uses ${them}.`,
    );
  }

  async #check(domain: Domain, input: CreateSnapshot): Promise<Found> {
    const { name, memory } = input;
    const state = await this.#machines.state(domain);
    const { disks } = await this.#present(domain);
    if (isOn(state) && memory === false) throw new ProblemError('capability-missing', noSnapshotsWithoutMemory);
    allow('snapshot-create', state);
    if (name.startsWith('.'))
      throw new ProblemError('invalid-input', 'libvirt refuses a snapshot whose name begins with a dot.', {
        errors: [{ pointer: '/name', detail: 'Begins with a dot.' }],
      });
    if (await orUndefined(domain.snapshot(name)))
      throw new ProblemError('name-taken', `The VM already has a snapshot "${name}".`);
    requireDisksForSnapshot(disks);
    const byLibvirt = !hasStateBeside(await domain.xml());
    if (!byLibvirt) await this.#byQemu.check(domain, input);
    return {
      aside: isOn(state) ? [] : await this.#checkpoints.read(domain),
      notes: await this.#checkpoints.notes(domain),
      byLibvirt,
      wasRunning: state === 'running',
    };
  }

  /** What the machine consists of now: one that is on may have other disks at its next start. */
  async #present(domain: Domain) {
    return this.#machines.liveDefinition(domain);
  }

  async #xml(domain: Domain, { name, description }: CreateSnapshot): Promise<string> {
    const { disks } = await this.#present(domain);
    const memory = isOn(await this.#machines.state(domain));
    return buildXml({
      domainsnapshot: {
        name,
        ...(description === undefined ? {} : { description }),
        memory: { '@snapshot': memory ? 'internal' : 'no' },
        disks: {
          disk: disks.map((disk) => ({ '@name': disk.device, '@snapshot': isKept(disk) ? 'internal' : 'no' })),
        },
      },
    });
  }
}

/** Why a host with libvirt lacks the feature of that name. */
export const noSnapshotsWithoutMemory =
  'libvirt cannot revert to a snapshot of a running VM without its memory. Keep the memory too, or stop the VM first.';

/** Throws `capability-missing` for disks that libvirt would refuse after it has begun. */
export function requireDisksForSnapshot(disks: readonly DomainDisk[]): void {
  const kept = disks.filter(isKept);
  const other = kept.filter(({ format }) => format !== 'qcow2');
  if (other.length > 0) {
    const named = other.map(({ device, format }) => `${device} is ${format}`).join(', ');
    throw new ProblemError(
      'capability-missing',
      `A snapshot is kept inside the disks, for which they have to be qcow2, and ${named}. A full clone has qcow2 disks only.`,
    );
  }
  if (kept.length === 0)
    throw new ProblemError('capability-missing', 'A snapshot is kept inside the disks of a VM, and this VM has none.');
}

function snapshotNotFound(id: string): ProblemError {
  return new ProblemError('snapshot-not-found', `The VM has no snapshot "${id}".`);
}
