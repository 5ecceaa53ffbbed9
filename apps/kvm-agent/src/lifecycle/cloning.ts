import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { ProblemError, type CloneVm, type Forecast, type NativeId } from '@polyvirt/contracts';
import { allow, type CloneFacet, type Made, type OperationContext, type PlanRequest } from '@polyvirt/hypervisor';
import type { Domain, Libvirt, Volume } from '@polyvirt/node-libvirt';
import { cloneDefinition } from '../domain/clone-definition.ts';
import type { DiskSource } from '../domain/disk-source.ts';
import { withDiskSources, type DiskPlace } from '../domain/domain-edits.ts';
import { isDisk } from '../domain/domain-reader.ts';
import type { Machines } from '../domain/machines.ts';
import { refuseTakenName } from '../domain/names.ts';
import { isOn } from '../domain/states.ts';
import { readKept, type Kept } from '../snapshots/kept.ts';
import { DiskUsers, quoted, unseenWords } from '../storage/disk-users.ts';
import { extractSnapshot } from '../storage/qemu-img.ts';
import { unmanaged, type StoragePool } from '../storage/storage-pool.ts';
import { readVolume, type VolumeFacts } from '../storage/volume-facts.ts';
import { child, parseXml } from '../xml.ts';
import { diskVolumeName, isDerivedName, overlayVolumeName, seedVolumeName } from './derived-ids.ts';
import { freePorts, usedPorts } from './host-ports.ts';
import { powerOnNew, powerOnStep, undefineNew } from './new-machine.ts';
import type { StateFiles } from './state-files.ts';
import { refuseTransient } from '../transient.ts';

type SourceDisk = { device: string; source: DiskSource | null; format: string };

/** What the overlays of a linked clone stand on. */
type Base = {
  path: string;
  format: string;
  bytes: number;
  /** Whether it is the disk that the source writes to now. */
  isPresentDisk: boolean;
};

/** The disks of a clone, in their order, and the files below them that were disks of other machines. */
type Copied = { paths: string[]; bases: string[] };

const steps = {
  copy: (device: string, snapshot: string | undefined) => ({
    name: `copy disk ${device}`,
    native: snapshot === undefined ? 'storage_vol_create_xml_from' : 'qemu-img convert',
  }),
  base: (device: string) => ({ name: `choose the base of ${device}`, native: 'storage_vol_get_xml_desc' }),
  aside: (device: string) => ({
    name: `set ${device} aside if the source writes to it`,
    native: 'storage_vol_create_xml',
  }),
  overlay: (device: string) => ({ name: `make an overlay of ${device}`, native: 'storage_vol_create_xml' }),
  moveSource: { name: 'let the source continue beside its base', native: 'domain_define_xml_flags' },
  state: { name: 'copy the state of its firmware', native: 'cp' },
  define: { name: 'define the clone', native: 'domain_define_xml_flags' },
} as const;

/** Why a host with libvirt lacks the feature of that name. */
export const noLinkedCloneOfSnapshot =
  'A snapshot inside a qcow2 file cannot be the base of a linked clone. Make a full clone of it.';

/** Copies machines. The UUID of the copy is the id of the operation. */
export class Cloning implements CloneFacet {
  readonly #libvirt: Libvirt;
  readonly #machines: Machines;
  readonly #storage: StoragePool;
  readonly #stateFiles: StateFiles;

  constructor(parts: { libvirt: Libvirt; machines: Machines; storage: StoragePool; stateFiles: StateFiles }) {
    this.#libvirt = parts.libvirt;
    this.#machines = parts.machines;
    this.#storage = parts.storage;
    this.#stateFiles = parts.stateFiles;
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
        return definition.disks
          .filter(isDisk)
          .map(({ device, source: place, format }): SourceDisk => ({ device, source: place ?? null, format }));
      },
    });
    context.progress(5);
    const { paths, bases } = input.linked
      ? await this.#linkDisks(source, disks, context)
      : { paths: await this.#copyDisks(source, disks, input.snapshot, context), bases: [] };
    const state = await journal.step({
      ...steps.state,
      act: async () => {
        const kept = input.snapshot === undefined ? undefined : await keptIn(source, input.snapshot);
        return this.#stateFiles.copy(await source.xml({ inactive: true }), uuid, kept?.copies);
      },
      undo: () => this.#stateFiles.removeCopies(uuid),
    });

    const notes = await journal.step({
      ...steps.define,
      act: async () => {
        const { xml, notes } = await this.#definition(source, { name: input.name, uuid, paths, bases, ...state });
        await this.#libvirt.domains.define(xml);
        return notes;
      },
      undo: () => undefineNew(this.#machines, uuid),
    });
    context.progress(90);
    if (input.start) await powerOnNew(this.#machines, uuid, journal);
    return { nativeId: uuid, effect: 'changed', notes: [...state.notes, ...notes] };
  }

  /** The check of the act, and what the clone cannot take along. */
  async plan({ nativeId, input }: PlanRequest<CloneVm>): Promise<Forecast> {
    const source = await this.#machines.domain(nativeId);
    const uuid = randomUUID();
    await this.#check(source, input, uuid);
    const devices = (await this.#machines.definition(source)).disks.filter(isDisk).map(({ device }) => device);
    const { notes } = await this.#definition(source, {
      name: input.name,
      uuid,
      paths: devices.map((device) => diskVolumeName(uuid, device)),
      bases: [],
      nvram: null,
    });
    const ofDisks = input.linked
      ? [...devices.flatMap((one) => [steps.base(one), steps.aside(one), steps.overlay(one)]), steps.moveSource]
      : devices.map((device) => steps.copy(device, input.snapshot));
    return {
      steps: [...ofDisks, steps.state, steps.define, ...(input.start ? [powerOnStep] : [])],
      warnings: notes.map((detail) => ({ code: 'not-cloned', detail })),
    };
  }

  async #definition(
    source: Domain,
    clone: { name: string; uuid: NativeId; paths: string[]; bases: string[]; nvram: string | null },
  ): Promise<{ xml: string; notes: string[] }> {
    const original = await source.xml({ inactive: true, secure: true });
    return cloneDefinition(original, {
      name: clone.name,
      uuid: clone.uuid,
      diskPaths: clone.paths,
      bases: clone.bases,
      nvram: clone.nvram,
      dropMedium: (path) => path.endsWith(seedVolumeName(source.uuid)),
      nextPort: freePorts(listens(original) ? await usedPorts(this.#libvirt) : new Set()),
      createdAt: new Date().toISOString(),
    });
  }

  async #check(source: Domain, { name, linked, snapshot }: CloneVm, uuid: NativeId): Promise<void> {
    await refuseTransient(source, 'clone');
    const state = await this.#machines.state(source);
    allow('clone', state);
    if (!isOn(state) && (await source.isActive()))
      throw new ProblemError(
        'wrong-state',
        'It was kept as it crashed, and its QEMU still holds its disks. When nobody needs it for a look any more, stop it with force, then clone it.',
      );
    await refuseTakenName(this.#libvirt, name, uuid);
    const snapshots = await source.snapshots();
    if (snapshot !== undefined && !snapshots.some((candidate) => candidate.name === snapshot))
      throw new ProblemError('snapshot-not-found', `The VM has no snapshot "${snapshot}".`);
    if (linked && snapshot !== undefined) throw new ProblemError('capability-missing', noLinkedCloneOfSnapshot);
    if (linked && snapshots.length > 0)
      throw new ProblemError(
        'wrong-state',
        'A linked clone moves the source onto a new disk, and its snapshots would stay behind. Delete them first, or make a full clone.',
      );
    await this.#checkDisks(source, linked);
  }

  /** All that can be known of the disks before any is copied. */
  async #checkDisks(source: Domain, linked: boolean): Promise<void> {
    const { disks } = await this.#machines.definition(source);
    const others = linked ? await DiskUsers.read(this.#libvirt, this.#storage, source.uuid) : undefined;
    for (const { device, source: place, format } of disks.filter(isDisk)) {
      const { path } = await this.#volumeOf(device, place ?? null, format);
      const writers = (await others?.writersOf(path)) ?? [];
      if (writers.length > 0)
        throw new ProblemError(
          'host-rejected',
          `${device} (${path}) is a disk of ${quoted(writers)} too, whose changes would destroy a linked clone. Make a full clone.`,
        );
    }
  }

  async #copyDisks(
    machine: Domain,
    disks: readonly SourceDisk[],
    snapshot: string | undefined,
    context: OperationContext,
  ): Promise<string[]> {
    const { operationId: uuid, journal, signal } = context;
    const paths: string[] = [];
    for (const { device, source, format } of disks) {
      const name = diskVolumeName(uuid, device);
      paths.push(
        await journal.step({
          ...steps.copy(device, snapshot),
          act: async () => {
            const { volume, bytes, path } = await this.#volumeOf(device, source, format);
            if (snapshot === undefined) return (await this.#storage.copy(name, volume, bytes)).path();
            const copy = await this.#storage.create(name, bytes);
            const tag = (await keptIn(machine, snapshot))?.tag ?? snapshot;
            await extractSnapshot(path, tag, await copy.path(), signal);
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
   * The present disks of the source become read-only bases; the source and the clone each continue with an overlay. A base
   * that the source kept writing to would destroy the clone. A source that has written nothing since it became an overlay
   * stays where it is, and the clone stands beside it: clones of an idle template make its chain no longer.
   */
  async #linkDisks(
    source: Domain,
    disks: readonly SourceDisk[],
    { operationId: uuid, journal }: OperationContext,
  ): Promise<Copied> {
    const paths: string[] = [];
    const bases: string[] = [];
    const originals = new Map<string, DiskPlace>();
    const overlays = new Map<string, DiskPlace>();
    for (const disk of disks) {
      const { device } = disk;
      const clone = diskVolumeName(uuid, device);
      const overlay = overlayVolumeName(source.uuid, device, uuid);
      const base = await journal.step({
        ...steps.base(device),
        act: () => this.#chooseBase(disk, clone),
        undo: () => this.#removeUnused(clone),
      });
      const aside = await journal.step({
        ...steps.aside(device),
        act: async () =>
          base.isPresentDisk ? await (await this.#storage.create(overlay, base.bytes, base)).path() : null,
        undo: () => this.#removeUnused(overlay),
      });
      if (aside !== null) {
        originals.set(device, { source: disk.source!, format: disk.format });
        overlays.set(device, { source: { kind: 'file', path: aside }, format: 'qcow2' });
        if (!isDerivedName(basename(base.path))) bases.push(base.path);
      }
      paths.push(
        await journal.step({
          ...steps.overlay(device),
          act: async () => (await this.#storage.create(clone, base.bytes, base)).path(),
          undo: () => this.#removeUnused(clone),
        }),
      );
    }
    const inherited = await journal.step({
      ...steps.moveSource,
      act: async () => {
        await this.#moveOnto(source, overlays, bases);
        return [...(await this.#machines.definition(source)).bases];
      },
      undo: () => this.#moveOnto(source, originals, []),
    });
    return { paths, bases: inherited };
  }

  async #chooseBase({ device, source, format }: SourceDisk, scratch: string): Promise<Base> {
    const { volume, path, bytes, backing } = await this.#volumeOf(device, source, format);
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

  async #moveOnto(domain: Domain, places: ReadonlyMap<string, DiskPlace>, bases: readonly string[]): Promise<void> {
    if (places.size === 0) return;
    await this.#requireOffOrOn(domain, places);
    const xml = await domain.xml({ inactive: true, secure: true });
    await this.#libvirt.domains.define(withDiskSources(xml, places, bases));
    // Somebody may have started it between the look and the act, on the disks it had.
    await this.#requireOffOrOn(domain, places);
  }

  /** A machine that runs on these very files already can be told that they are its own; on others it has to be off. */
  async #requireOffOrOn(domain: Domain, places: ReadonlyMap<string, DiskPlace>): Promise<void> {
    const state = await this.#machines.state(domain);
    if (isOn(state)) {
      const { disks } = await this.#machines.liveDefinition(domain);
      const runsOnThem = await Promise.all(
        [...places].map(async ([device, { source }]) => {
          const live = disks.find((disk) => disk.device === device);
          const [present, asked] = await Promise.all([
            live?.source && this.#storage.pathOf(live.source),
            this.#storage.pathOf(source),
          ]);
          return present !== undefined && asked !== undefined && this.#storage.files.same(present, asked);
        }),
      );
      if (runsOnThem.every(Boolean)) return;
    }
    allow('clone', state);
  }

  /** Removes a volume, unless a machine has come to use it: one that somebody has started writes to its disk. */
  async #removeUnused(name: string): Promise<void> {
    const volume = await this.#storage.find(name);
    if (!volume) return;
    const path = await volume.path();
    const users = await DiskUsers.read(this.#libvirt, this.#storage);
    const names = await users.of(path);
    if (names.length > 0) throw new ProblemError('wrong-state', `${name} stays: it is in use by ${quoted(names)}.`);
    // It may be the source that cannot be read, which has moved onto it.
    const unseen = users.unseenOf(path);
    if (unseen.size > 0) throw new ProblemError('host-rejected', `${name} stays: ${unseenWords(unseen, 'it')}`);
    await this.#storage.remove(name);
  }

  async #volumeOf(
    device: string,
    source: DiskSource | null,
    format: string,
  ): Promise<{ volume: Volume } & VolumeFacts> {
    const volume = source && (await this.#storage.volumeOf(source));
    if (!volume) throw unmanaged(device, source ?? undefined);
    const facts = await readVolume(volume);
    // libvirt looks into the file, where a guest with a raw disk could have written the header of an overlay.
    if (format === 'raw' && facts.format !== 'raw' && facts.format !== 'iso')
      throw new ProblemError(
        'host-rejected',
        `${device} (${facts.path}) is raw by the definition of the VM, and its content looks like ${facts.format}. Copy it by hand if you trust it: qemu-img convert -f raw.`,
      );
    return { volume, ...facts };
  }
}

/** Undefined for a snapshot that libvirt has taken, which is called in the disks as it is in libvirt. */
const keptIn = async (machine: Domain, snapshot: string): Promise<Kept | undefined> =>
  readKept(child(parseXml(await (await machine.snapshot(snapshot)).xml()), 'domainsnapshot'));

/** Whether a definition has a device that may listen on a port; only then all others matter. */
const listens = (xml: string): boolean => /<source\b[^>]*\bservice=/.test(xml);
