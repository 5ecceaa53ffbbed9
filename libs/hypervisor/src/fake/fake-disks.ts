import { ProblemError, type DiskAddition, type Forecast, type HardwareChange, type Volume } from '@polyvirt/contracts';
import type { Effect, OperationContext } from '../driver.ts';
import { volumeIdOf } from '../volume-id.ts';
import type { FakeCalls } from './fake-calls.ts';
import { abandonedBases } from './fake-files.ts';
import type { FakeMachine, FakeVolume } from './fake-machine.ts';

/** What becomes of the disks of a machine; decided once, kept by the journal. */
export type DiskDecision = {
  /** Volumes to make. */
  made: FakeVolume[];
  /** In the order of the request. */
  added: { device: string; path: string }[];
  /** Devices that go. */
  removed: string[];
  /** Files that go with them. */
  doomed: string[];
  /** What of those has to stay, as others are layers over it. */
  orphans: string[];
  notes: string[];
};

const folder = '/fake/disks/';
const deleteIt = { name: 'delete the volume', native: 'delete-volume' } as const;

export function deviceOf(index: number): string {
  return `vd${index < 26 ? '' : 'a'}${String.fromCharCode(97 + (index % 26))}`;
}

/** The volume of a disk that is blank or from an image. Throws what is wrong with the request, which stands at `at` in it. */
export function volumeFor(
  calls: FakeCalls,
  { sizeGiB, image, copy }: Omit<DiskAddition, 'volume'>,
  facts: Pick<FakeVolume, 'path' | 'madeFor'>,
  at: string,
): FakeVolume {
  if (image === undefined) return { ...facts, sizeGiB: sizeGiB! };
  const source = calls.requireImage(image, 'disk', `${at}/image`);
  const fault = (detail: string, sentence: string) =>
    new ProblemError('invalid-input', sentence, { errors: [{ pointer: `${at}/sizeGiB`, detail }] });
  const size = sizeGiB ?? source.sizeGiB;
  if (size === undefined)
    throw fault('Needed with this image.', `The size of ${image} is not known. Give the disk one.`);
  if (source.sizeGiB !== undefined && size < source.sizeGiB)
    throw fault(`at least ${source.sizeGiB}`, `A disk from ${image} has at least ${source.sizeGiB} GiB.`);
  const backing = copy === 'cow' ? source.path : undefined;
  return { ...facts, sizeGiB: size, ...(backing !== undefined && { backing }) };
}

/** Disks that come and go. */
export class FakeDisks {
  constructor(private readonly calls: FakeCalls) {}

  /** Disks that no machine needs. */
  list(): Volume[] {
    const { host } = this.calls;
    return this.#candidates()
      .filter(({ path }) => host.usersOf(path).length === 0 && host.layersOver(path).length === 0)
      .map(({ path, sizeGiB, madeFor }) => ({
        id: volumeIdOf(path),
        name: path.slice(folder.length),
        sizeGiB,
        path,
        ...(madeFor !== undefined && { lastVm: madeFor }),
      }));
  }

  delete(volume: string, context: OperationContext): Promise<Effect> {
    const { host } = this.calls;
    return this.calls.call<Effect>('volumes.delete', undefined, context.signal, async () => {
      const paths = await this.calls.step('volumes.delete', '', context, {
        name: 'look for the volume',
        act: () => this.#doomedWith(volume),
      });
      await this.calls.step('volumes.delete', '', context, {
        ...deleteIt,
        act: () => {
          for (const path of paths) if (host.volume(path)) host.deleteVolume(path);
        },
      });
      return 'changed' as const;
    });
  }

  /** Throws what a deletion would end with. */
  planDelete(volume: string, signal: AbortSignal): Promise<Forecast> {
    return this.calls.call('plan', undefined, signal, () => {
      this.#free(volume, 'volume');
      return { steps: [deleteIt] };
    });
  }

  #doomedWith(volume: string): string[] {
    const path = this.#free(volume, 'volume');
    return [path, ...abandonedBases(this.calls.host, new Set([path]), undefined)];
  }

  decide(machine: FakeMachine, input: HardwareChange, operationId: string): DiskDecision {
    const { addDisks = [], removeDisks = [] } = input;
    const decision: DiskDecision = { made: [], added: [], removed: [], doomed: [], orphans: [], notes: [] };
    for (const { device, keep } of removeDisks) this.#remove(machine, device, keep, decision);
    const gone = new Set(decision.doomed);
    decision.doomed.push(...abandonedBases(this.calls.host, gone, machine.name));
    const taken = new Set(machine.disks.map(({ device }) => device));
    for (const [index, disk] of addDisks.entries()) {
      const device = Array.from({ length: 52 }, (_, at) => deviceOf(at)).find((one) => !taken.has(one))!;
      taken.add(device);
      const at = `/addDisks/${index}`;
      if (disk.volume !== undefined) {
        decision.added.push({ device, path: this.#free(disk.volume, `${at}/volume`) });
        continue;
      }
      const facts = { path: `${folder}${operationId}-${device}`, madeFor: machine.nativeId };
      const volume = volumeFor(this.calls, disk, facts, at);
      decision.made.push(volume);
      decision.added.push({ device, path: volume.path });
    }
    this.calls.host.requireRoom(decision.made);
    return decision;
  }

  #remove(machine: FakeMachine, device: string, keep: boolean, decision: DiskDecision): void {
    const { host } = this.calls;
    const disk = machine.disks.find((one) => one.device === device);
    if (!disk) throw new ProblemError('device-not-found', `${machine.name} has no disk ${device}.`);
    const { path } = disk;
    const holding = machine.snapshots.filter(({ hardware }) => hardware.disks.some((one) => one.path === path));
    if (holding.length > 0) {
      const names = holding.map(({ name }) => `"${name}"`).join(', ');
      throw new ProblemError(
        'wrong-state',
        `Snapshots of ${machine.name} hold ${device}: ${names}. Delete them first.`,
      );
    }
    decision.removed.push(device);
    const others = [
      ...host.usersOf(path).filter((name) => name !== machine.name),
      ...host.layersOver(path).map((layer) => layer.path),
    ];
    if (keep) decision.notes.push(`Kept ${device} as the volume ${volumeIdOf(path)}: ${path}`);
    else if (others.length === 0) decision.doomed.push(path);
    else {
      decision.orphans.push(path);
      decision.notes.push(`Kept ${path}: ${others.join(', ')} needs it.`);
    }
  }

  /** The path of a volume that nobody needs. */
  #free(id: string, pointer: string): string {
    const { host } = this.calls;
    const volume = this.#candidates().find(({ path }) => volumeIdOf(path) === id);
    if (!volume)
      throw new ProblemError('volume-not-found', `This host has no volume ${id}.`, {
        errors: [{ pointer, detail: 'There is no such volume.' }],
      });
    const users = [...host.usersOf(volume.path), ...host.layersOver(volume.path).map(({ path }) => path)];
    if (users.length === 0) return volume.path;
    throw new ProblemError(
      'volume-in-use',
      `The volume ${id} is in use by ${users.join(', ')}. Detach it there first.`,
      {
        errors: [{ pointer, detail: 'It is in use.' }],
      },
    );
  }

  /** A seed is no disk. */
  #candidates(): FakeVolume[] {
    return this.calls.host.volumes().filter(({ path }) => path.startsWith(folder) && !path.endsWith('-seed.iso'));
  }
}
