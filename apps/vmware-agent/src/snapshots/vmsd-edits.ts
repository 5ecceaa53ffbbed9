import type { Dictionary } from '../vmx/dictionary.ts';
import { editDictionary } from '../vmx/dictionary-file.ts';
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
