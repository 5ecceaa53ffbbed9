import { Refusal, refusal } from '../command-line/errors.ts';
import type { Knobs } from '../knobs/catalogue.ts';
import type { Snapshot, SnapshotTree } from './snapshot-tree.ts';

/** The one snapshot that a name or path means, or the error of one that is missing or not alone. */
export function requireSnapshot(tree: SnapshotTree, name: string, knobs: Knobs): Snapshot {
  const found = tree.find(name);
  if (found.length > 1) throw refusal('snapshot-ambiguous');
  return found[0] ?? unknownSnapshot(name, knobs);
}

function unknownSnapshot(name: string, knobs: Knobs): never {
  throw knobs.unknownSnapshotText === 'does-not-exist' ? refusal('snapshot-missing') : invalidSnapshotName(name);
}

export function invalidSnapshotName(name: string): Refusal {
  return new Refusal([`Error: Invalid snapshot name '${name}'`]);
}
