import type { DriverVm, PlanChange, Snapshot, VmState } from '@polyvirt/contracts';
import { LibvirtError, type Domain, type Snapshot as LibvirtSnapshot } from '@polyvirt/node-libvirt';
import { changesOfNics, pendingChanges, readDefinition } from '../domain/domain-reader.ts';
import type { DiskSource } from '../domain/disk-source.ts';
import { orUndefined } from '../storage/storage-pool.ts';
import { snapshotDiskFiles, snapshotOwnFiles } from '../storage/file-references.ts';
import { attribute, child, parseXml, text } from '../xml.ts';

/** The word of libvirt for the state a snapshot holds. https://libvirt.org/formatsnapshot.html */
const states: Readonly<Record<string, VmState>> = {
  running: 'running',
  paused: 'paused',
  shutoff: 'stopped',
  crashed: 'crashed',
  'disk-snapshot': 'stopped',
};

/** Snapshots of a domain. Its name is its id: libvirt knows it by nothing else. */
export class SnapshotReader {
  async list(domain: Domain): Promise<Snapshot[]> {
    // Not in libvirt's own topological order: that fails as a whole while a snapshot is being taken, which has no parent yet.
    const snapshots = await domain.snapshots();
    const [documents, current] = await Promise.all([
      Promise.all(snapshots.map((snapshot) => orUndefined(snapshot.xml()))),
      currentOf(domain, snapshots),
    ]);
    return parentsFirst(
      documents.flatMap((xml, index) =>
        xml === undefined ? [] : [readSnapshot(xml, snapshots[index]!.name === current)],
      ),
    );
  }
}

/** libvirt fails to name the current one, too, while a snapshot is being taken; of each it can say whether it is that. */
async function currentOf(domain: Domain, snapshots: readonly LibvirtSnapshot[]): Promise<string | undefined> {
  try {
    return (await domain.currentSnapshot())?.name;
  } catch (error) {
    if (!(error instanceof LibvirtError)) throw error;
    const answers = await Promise.all(snapshots.map((snapshot) => orUndefined(snapshot.isCurrent())));
    return snapshots.find((_, index) => answers[index])?.name;
  }
}

/** The tree from its roots; what was made first stands first among its like. */
export function parentsFirst(snapshots: readonly Snapshot[]): Snapshot[] {
  const byAge = [...snapshots].sort((one, other) => (one.createdAt ?? '').localeCompare(other.createdAt ?? ''));
  const ids = new Set(byAge.map(({ id }) => id));
  const below = (parent: string | null): Snapshot[] =>
    byAge.filter((one) => one.parent === parent).flatMap((one) => [one, ...below(one.id)]);
  const roots = byAge.filter(({ parent }) => parent === null || !ids.has(parent));
  return roots.flatMap((root) => [root, ...below(root.id)]);
}

export function readSnapshot(xml: string, current: boolean): Snapshot {
  const snapshot = child(parseXml(xml), 'domainsnapshot');
  const name = text(snapshot, 'name') ?? '';
  const description = text(snapshot, 'description');
  const memory = attribute(child(snapshot, 'memory'), 'snapshot');
  const createdAt = Number(text(snapshot, 'creationTime') ?? 0);
  return {
    id: name,
    name,
    ...(description === undefined || description === '' ? {} : { description }),
    parent: text(child(snapshot, 'parent'), 'name') ?? null,
    current,
    memory: memory !== undefined && memory !== 'no',
    state: states[text(snapshot, 'state') ?? ''] ?? 'unknown',
    ...(createdAt > 0 && { createdAt: new Date(createdAt * 1000).toISOString() }),
  };
}

/** What of the machine becomes as it was, by the definition that a snapshot holds: of a running one that of its next start too. */
export function hardwareBroughtBack(xml: string, vm: DriverVm): PlanChange[] {
  const snapshot = child(parseXml(xml), 'domainsnapshot');
  const [domain, inactive] = [child(snapshot, 'domain'), child(snapshot, 'inactiveDomain')];
  if (!domain) return [];
  const then = readDefinition(domain);
  const fields = (['cpus', 'memoryMiB'] as const).filter((field) => then[field] !== vm[field]);
  return [
    ...fields.map((field): PlanChange => ({ pointer: `/${field}`, from: vm[field], to: then[field], when: 'now' })),
    ...changesOfNics(vm.nics, then.nics).map((change): PlanChange => ({ ...change, when: 'now' })),
    ...(inactive ? pendingChanges(then, readDefinition(inactive)) : []).map((change): PlanChange => ({
      ...change,
      when: 'next-power-off',
    })),
  ];
}

/** What its disks have been written to since it was taken, where that is not the file of the disk itself. */
export const ownDiskFiles = (xml: string): DiskSource[] =>
  snapshotDiskFiles(child(parseXml(xml), 'domainsnapshot')).map(({ source }) => source);

/** Whether its disks or its memory are in files of its own, and not inside the disks of the machine. */
export const isExternalSnapshot = (xml: string): boolean =>
  snapshotOwnFiles(child(parseXml(xml), 'domainsnapshot')).length > 0;
