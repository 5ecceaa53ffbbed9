import { replaceFile } from '../host/replace-file.ts';
import { readDictionary } from '../dictionary/dictionary-file.ts';
import type { Machine } from '../machine/machine.ts';
import { SnapshotTree } from './snapshot-tree.ts';

/** The VM's snapshots as its .vmsd has them. */
export function readSnapshots(machine: Machine): SnapshotTree {
  return new SnapshotTree(readDictionary(machine.companion('.vmsd'), { optional: true }));
}

/** Reads, changes and writes the VM's snapshots; the result of `change` is passed on. */
export function editSnapshots<T>(machine: Machine, change: (tree: SnapshotTree) => T): T {
  const path = machine.companion('.vmsd');
  const dictionary = readDictionary(path, { optional: true });
  const result = change(new SnapshotTree(dictionary));
  replaceFile(path, dictionary.bytes());
  return result;
}
