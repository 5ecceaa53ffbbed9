import type { Dictionary } from '../vmx/dictionary.ts';
import { editDictionary, readDictionary } from '../vmx/dictionary-file.ts';
import { disksOf } from '../vmx/hardware-reader.ts';
import { SnapshotTree } from './snapshot-tree.ts';

/** Notes what a snapshot is for; vmrun takes no description. Answers whether that was new. */
export function describeSnapshot(
  vmsd: string,
  uid: number,
  description: string,
  hostEncoding: string,
): Promise<boolean> {
  return editDictionary(
    vmsd,
    (file) => {
      const snapshot = new SnapshotTree(file).all.find((one) => one.uid === uid);
      if (snapshot) file.set(`snapshot${snapshot.position}.description`, description);
    },
    hostEncoding,
  );
}

/** Takes a linked clone that is gone off the list of the snapshot it was made from. */
export const forgetClone = (vmsd: string, cloneVmx: string): Promise<boolean> => replaceClone(vmsd, cloneVmx, []);

/** Puts those in the place of a linked clone that is gone which stand on its disks, and so on this snapshot. */
export function replaceClone(vmsd: string, cloneVmx: string, heirs: readonly string[]): Promise<boolean> {
  return editDictionary(vmsd, (file) => {
    for (const { position, clones } of new SnapshotTree(file).all) {
      if (!clones.includes(cloneVmx)) continue;
      const others = clones.filter((path) => path !== cloneVmx);
      writeClones(file, `snapshot${position}`, [...new Set([...others, ...heirs])]);
    }
  });
}

function writeClones(file: Dictionary, prefix: string, clones: readonly string[]): void {
  file.deleteMatching(new RegExp(`^${prefix}\\.(numClones|clone\\d+)$`, 'i'));
  if (clones.length === 0) return;
  file.set(`${prefix}.numClones`, String(clones.length));
  clones.forEach((path, index) => file.set(`${prefix}.clone${index}`, path));
}

/** Disks of a linked clone that Workstation watches over. */
export async function sentinelsOf(vmsd: string): Promise<string[]> {
  const file = await readDictionary(vmsd);
  return file ? sentinelsIn(file) : [];
}

const sentinelsIn = (file: Dictionary): string[] =>
  file.keys().flatMap((key) => (/^sentinel\d+$/i.test(key) ? (file.get(key) ?? []) : []));

/** Has it watch over these alone. */
export async function writeSentinels(vmsd: string, disks: readonly string[]): Promise<void> {
  if (JSON.stringify(await sentinelsOf(vmsd)) === JSON.stringify(disks)) return;
  await editDictionary(vmsd, (file) => {
    file.deleteMatching(/^(?:sentinel\d+|numSentinels)$/i);
    disks.forEach((disk, index) => file.set(`sentinel${index}`, disk));
    file.set('numSentinels', String(disks.length));
  });
}

/** Takes those off that the configuration names no more. */
export async function dropSentinels(vmsd: string, configuration: Dictionary): Promise<void> {
  const named = new Set(disksOf(configuration).map(({ fileName }) => fileName));
  const watched = await sentinelsOf(vmsd);
  const left = watched.filter((disk) => named.has(disk));
  if (left.length < watched.length) await writeSentinels(vmsd, left);
}
