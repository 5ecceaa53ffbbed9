import { ProblemError, type CloneVm, type NativeId } from '@polyvirt/contracts';
import { allow, type CloneFacet, type Made, type OperationContext } from '@polyvirt/hypervisor';
import type { Domain, Libvirt, Volume } from '@polyvirt/node-libvirt';
import { isDisk } from '../domain/domain-reader.ts';
import { cloneDefinition, withDiskSources } from '../domain/domain-edits.ts';
import type { Machines } from '../domain/machines.ts';
import { isOn } from '../domain/states.ts';
import { DiskUsers } from '../storage/disk-users.ts';
import { extractSnapshot } from '../storage/qemu-img.ts';
import { orUndefined, unmanaged, type StoragePool } from '../storage/storage-pool.ts';
import { readVolume } from '../storage/volume-facts.ts';
import { diskVolumeName, overlayVolumeName, seedVolumeName } from './derived-ids.ts';
import { powerOnNew, undefineNew } from './new-machine.ts';

type SourceDisk = { device: string; path: string };

/** What the overlays of a linked clone stand on. */
type Base = {
  path: string;
  format: string;
  bytes: number;
  /** Whether it is the disk that the source writes to now. */
  isPresentDisk: boolean;
};

/** Copies machines. The UUID of the copy is the id of the operation. */
export class Cloning implements CloneFacet {
  readonly #libvirt: Libvirt;
  readonly #machines: Machines;
  readonly #storage: StoragePool;

  constructor({ libvirt, machines, storage }: { libvirt: Libvirt; machines: Machines; storage: StoragePool }) {
    this.#libvirt = libvirt;
    this.#machines = machines;
    this.#storage = storage;
  }

  async clone(nativeId: NativeId, input: CloneVm, context: OperationContext): Promise<Made> {
    const { operationId: uuid, journal } = context;
    // What is asked of the source is asked in steps: a repeat has to come by what was made, even if the source has gone since.
    await journal.step({
      name: 'check source and name',
      native: 'domain_get_state',
      act: async () => this.#check(await this.#machines.domain(nativeId), input, uuid),
    });
    const source = this.#libvirt.domains.reference(nativeId);
    const disks = await journal.step({
      name: 'look at the disks of the source',
      native: 'domain_get_xml_desc',
      act: async () => {
        const definition = await this.#machines.definition(source);
        return definition.disks.filter(isDisk).map(({ device, path = device }): SourceDisk => ({ device, path }));
      },
    });
    context.progress(5);
    const paths = input.linked
      ? await this.#linkDisks(source, disks, context)
      : await this.#copyDisks(disks, input.snapshot, context);

    await journal.step({
      name: 'define the clone',
      native: 'domain_define_xml_flags',
      act: async () => {
        const original = await source.xml({ inactive: true, secure: true });
        await this.#libvirt.domains.define(
          cloneDefinition(original, {
            name: input.name,
            uuid,
            diskPaths: paths,
            dropMedium: (path) => path.endsWith(seedVolumeName(nativeId)),
            createdAt: new Date().toISOString(),
          }),
        );
      },
      undo: () => undefineNew(this.#machines, uuid),
    });
    context.progress(90);
    if (input.start) await powerOnNew(this.#machines, uuid, journal);
    return { nativeId: uuid, effect: 'changed' };
  }

  async #check(source: Domain, { name, linked, snapshot }: CloneVm, uuid: NativeId): Promise<void> {
    allow('clone', await this.#machines.state(source));
    const namesake = await orUndefined(this.#libvirt.domains.getByName(name));
    if (namesake && namesake.uuid !== uuid)
      throw new ProblemError('name-taken', `A VM called "${name}" is already on this host: ${namesake.uuid}.`);
    const snapshots = await source.snapshots();
    if (snapshot !== undefined && !snapshots.some((candidate) => candidate.name === snapshot))
      throw new ProblemError('snapshot-not-found', `The VM has no snapshot "${snapshot}".`);
    if (linked && snapshot !== undefined)
      throw new ProblemError(
        'invalid-input',
        'A snapshot inside a qcow2 file cannot be the base of a linked clone. Make a full clone of it.',
      );
    if (linked && snapshots.length > 0)
      throw new ProblemError(
        'wrong-state',
        'A linked clone moves the source onto a new disk, and its snapshots would stay behind. Delete them first, or make a full clone.',
      );
  }

  async #copyDisks(
    disks: readonly SourceDisk[],
    snapshot: string | undefined,
    context: OperationContext,
  ): Promise<string[]> {
    const { operationId: uuid, journal, signal } = context;
    const paths: string[] = [];
    for (const { device, path } of disks) {
      const name = diskVolumeName(uuid, device);
      paths.push(
        await journal.step({
          name: `copy disk ${device}`,
          native: snapshot === undefined ? 'storage_vol_create_xml_from' : 'qemu-img convert',
          act: async () => {
            const volume = await this.#volumeOf(path);
            const { bytes, path: sourcePath } = await readVolume(volume);
            if (snapshot === undefined) return (await this.#storage.copy(name, volume, bytes)).path();
            const copy = await this.#storage.create(name, bytes);
            await extractSnapshot(sourcePath, snapshot, await copy.path(), signal);
            return copy.path();
          },
          undo: () => this.#storage.remove(name),
        }),
      );
      context.progress(5 + (80 * paths.length) / disks.length);
    }
    return paths;
  }

  /**
   * The present disks of the source become read-only bases; the source and the clone each go on with an overlay. A base
   * that the source kept writing to would destroy the clone. A source that has written nothing since it became an overlay
   * stays where it is, and the clone stands beside it: clones of an idle template make its chain no longer.
   */
  async #linkDisks(
    source: Domain,
    disks: readonly SourceDisk[],
    { operationId: uuid, journal }: OperationContext,
  ): Promise<string[]> {
    const clonePaths: string[] = [];
    const originals = new Map<string, string>();
    const overlays = new Map<string, string>();
    for (const { device, path } of disks) {
      const clone = diskVolumeName(uuid, device);
      const overlay = overlayVolumeName(source.uuid, device, uuid);
      const base = await journal.step({
        name: `choose the base of ${device}`,
        native: 'storage_vol_get_xml_desc',
        act: () => this.#chooseBase(path, clone),
        undo: () => this.#removeUnused(clone),
      });
      const aside = await journal.step({
        name: `set ${device} aside if the source writes to it`,
        native: 'storage_vol_create_xml',
        act: async () =>
          base.isPresentDisk ? await (await this.#storage.create(overlay, base.bytes, base)).path() : null,
        undo: () => this.#removeUnused(overlay),
      });
      if (aside !== null) {
        originals.set(device, base.path);
        overlays.set(device, aside);
      }
      clonePaths.push(
        await journal.step({
          name: `make an overlay of ${device}`,
          native: 'storage_vol_create_xml',
          act: async () => (await this.#storage.create(clone, base.bytes, base)).path(),
          undo: () => this.#removeUnused(clone),
        }),
      );
    }
    await journal.step({
      name: 'let the source go on beside its base',
      native: 'domain_define_xml_flags',
      act: () => this.#moveOnto(source, overlays),
      undo: () => this.#moveOnto(source, originals),
    });
    return clonePaths;
  }

  async #chooseBase(path: string, scratch: string): Promise<Base> {
    const volume = await this.#volumeOf(path);
    const { format, bytes, backing } = await readVolume(volume);
    const below = backing === undefined ? undefined : await this.#storage.at(backing);
    if (below) {
      const { path: basePath, format: baseFormat } = await readVolume(below);
      // An overlay that was never written to is as large as one that was just made.
      const fresh = await this.#storage.create(scratch, bytes, { path: basePath, format: baseFormat });
      const [{ allocationBytes: untouched }, { allocationBytes: present }] = await Promise.all([
        fresh.info(),
        volume.info(),
      ]);
      if (present <= untouched) return { path: basePath, format: baseFormat, bytes, isPresentDisk: false };
    }
    return { path, format, bytes, isPresentDisk: true };
  }

  async #moveOnto(domain: Domain, paths: ReadonlyMap<string, string>): Promise<void> {
    if (paths.size === 0) return;
    await this.#requireOffOrOn(domain, paths);
    await this.#libvirt.domains.define(withDiskSources(await domain.xml({ inactive: true, secure: true }), paths));
    // Somebody may have started it between the look and the act, on the disks it had.
    await this.#requireOffOrOn(domain, paths);
  }

  /** A machine that runs on these very files already can be told that they are its own; on others it has to be off. */
  async #requireOffOrOn(domain: Domain, paths: ReadonlyMap<string, string>): Promise<void> {
    const state = await this.#machines.state(domain);
    if (isOn(state)) {
      const { disks } = await this.#machines.liveDefinition(domain);
      const files = new Map(disks.map(({ device, path }) => [device, path]));
      if ([...paths].every(([device, path]) => files.get(device) === path)) return;
    }
    allow('clone', state);
  }

  /** Takes a volume back, unless a machine has come to use it: one that somebody has started writes to its disk. */
  async #removeUnused(name: string): Promise<void> {
    const volume = await this.#storage.find(name);
    if (!volume) return;
    const users = (await DiskUsers.read(this.#libvirt, this.#storage)).of(await volume.path());
    if (users.length > 0)
      throw new ProblemError('wrong-state', `${name} stays: it is in use by ${users.map(quoted).join(', ')}.`);
    await this.#storage.remove(name);
  }

  async #volumeOf(path: string): Promise<Volume> {
    const volume = await this.#storage.at(path);
    if (!volume) throw unmanaged(path);
    return volume;
  }
}

const quoted = (name: string) => `"${name}"`;
