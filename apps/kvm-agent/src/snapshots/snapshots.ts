import { ProblemError, type CreateSnapshot, type NativeId } from '@polyvirt/contracts';
import { allow, type Effect, type OperationContext, type SnapshotFacet } from '@polyvirt/hypervisor';
import type { Domain } from '@polyvirt/node-libvirt';
import { isDisk, type DomainDisk } from '../domain/domain-reader.ts';
import { isOn } from '../domain/states.ts';
import type { Machines } from '../domain/machines.ts';
import type { StateFiles } from '../lifecycle/state-files.ts';
import { orUndefined } from '../storage/storage-pool.ts';
import { buildXml } from '../xml.ts';
import type { Checkpoints } from './checkpoints.ts';
import { isExternalSnapshot } from './snapshot-reader.ts';

/**
 * Internal qcow2 snapshots: disks and memory in one file. libvirt reverts to external ones only from 9.9 on, and Debian 12 has
 * 9.0.
 */
export class Snapshots implements SnapshotFacet {
  readonly #machines: Machines;
  readonly #stateFiles: StateFiles;
  readonly #checkpoints: Checkpoints;

  constructor(parts: { machines: Machines; stateFiles: StateFiles; checkpoints: Checkpoints }) {
    this.#machines = parts.machines;
    this.#stateFiles = parts.stateFiles;
    this.#checkpoints = parts.checkpoints;
  }

  async create(
    nativeId: NativeId,
    input: CreateSnapshot,
    { journal }: OperationContext,
  ): Promise<{ snapshot: string; effect: Effect; notes: string[] }> {
    const domain = await this.#machines.domain(nativeId);
    const { aside, notes } = await journal.step({
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
      name: 'take the snapshot',
      native: 'domain_snapshot_create_xml',
      act: async () => {
        // The name was free at the check, so one that is there now was taken by this very step before it was cut.
        if (await orUndefined(domain.snapshot(input.name))) return;
        await domain.createSnapshot(await this.#xml(domain, input));
      },
      undo: async () => {
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

  async revert(nativeId: NativeId, id: string, { journal }: OperationContext): Promise<Effect> {
    const domain = await this.#machines.domain(nativeId);
    allow('snapshot-revert', await this.#machines.state(domain));
    const snapshot = await orUndefined(domain.snapshot(id));
    if (!snapshot) throw snapshotNotFound(id);
    await journal.step({
      name: 'look for what keeps QEMU from it',
      native: 'domain_list_all_checkpoints',
      act: async () => {
        if (!isExternalSnapshot(await snapshot.xml()))
          await this.#checkpoints.refuseRevert(domain, (await this.#present(domain)).disks);
      },
    });
    await journal.step({
      name: 'revert to the snapshot',
      native: 'domain_revert_to_snapshot',
      act: async () => {
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
    return 'changed';
  }

  async delete(
    nativeId: NativeId,
    { snapshot: id, children }: { snapshot: string; children: boolean },
    { journal }: OperationContext,
  ): Promise<Effect> {
    const domain = await this.#machines.domain(nativeId);
    allow('snapshot-delete', await this.#machines.state(domain));
    const existed = await journal.step({
      name: 'look for the snapshot',
      native: 'domain_snapshot_lookup_by_name',
      act: async () => (await orUndefined(domain.snapshot(id))) !== undefined,
    });
    if (!existed) return 'unchanged';
    await journal.step({
      name: 'delete the snapshot',
      native: 'domain_snapshot_delete',
      act: async () => {
        const snapshot = await orUndefined(domain.snapshot(id));
        if (snapshot) await orUndefined(snapshot.delete({ children }));
      },
    });
    return 'changed';
  }

  /** Answers the checkpoints that are in the way, and what there is to know of them. */
  async #check(domain: Domain, { name, memory }: CreateSnapshot): Promise<{ aside: string[]; notes: string[] }> {
    const state = await this.#machines.state(domain);
    const { disks } = await this.#present(domain);
    if ((await this.#stateFiles.nvramOf(await domain.xml())) !== undefined)
      throw new ProblemError('capability-missing', noSnapshotsWithUefi);
    if (isOn(state) && memory === false) throw new ProblemError('capability-missing', noSnapshotsWithoutMemory);
    allow('snapshot-create', state);
    if (name.startsWith('.'))
      throw new ProblemError('invalid-input', 'libvirt refuses a snapshot whose name begins with a dot.', {
        errors: [{ pointer: '/name', detail: 'Begins with a dot.' }],
      });
    if (await orUndefined(domain.snapshot(name)))
      throw new ProblemError('name-taken', `The VM already has a snapshot "${name}".`);
    requireDisksForSnapshot(disks);
    const notes = await this.#checkpoints.notes(domain);
    return { aside: isOn(state) ? [] : await this.#checkpoints.read(domain), notes };
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
export const noSnapshotsWithUefi =
  'libvirt takes no snapshots of a VM with UEFI firmware, whose variables it could not keep. Clone it instead.';
export const noSnapshotsWithoutMemory =
  'libvirt cannot revert to a snapshot of a running VM without its memory. Keep the memory too, or stop the VM first.';

/** Whether a snapshot holds the content of a disk. */
const isKept = (disk: DomainDisk): boolean => isDisk(disk) && !disk.readonly;

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
