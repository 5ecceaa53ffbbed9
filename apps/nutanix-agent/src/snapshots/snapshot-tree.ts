import type { Snapshot } from '@polyvirt/contracts';
import type { RecoveryPoint } from './recovery-points.ts';
import type { Notes } from './snapshot-notes.ts';

/**
 * The recovery points of one VM as a tree. Those that others took, by hand or by a protection policy, are roots. A parent that
 * has expired or was deleted elsewhere is passed over.
 */
export function snapshotTree(points: readonly RecoveryPoint[], { snapshots: notes, current }: Notes): Snapshot[] {
  const present = new Set(points.map(({ uuid }) => uuid));
  const standing = (start: string | null): string | null => {
    const seen = new Set<string>();
    let snapshot = start;
    while (snapshot !== null && !present.has(snapshot) && !seen.has(snapshot)) {
      seen.add(snapshot);
      snapshot = notes.get(snapshot)?.parent ?? null;
    }
    return snapshot !== null && present.has(snapshot) ? snapshot : null;
  };
  return points.map(({ uuid, vm, name, createdAt }) => {
    const note = notes.get(uuid);
    return {
      id: uuid,
      name: note?.name ?? name,
      ...(note?.description === undefined ? {} : { description: note.description }),
      parent: note === undefined ? null : standing(note.parent),
      current: standing(current.get(vm) ?? null) === uuid,
      memory: false,
      // A recovery point does not say it; those that we took have it in their note.
      state: note?.state ?? 'unknown',
      ...(createdAt !== undefined && { createdAt }),
    };
  });
}

/** A snapshot with everything that stands on it, children first. */
export function withDescendants(tree: readonly Snapshot[], id: string): string[] {
  const below = tree.filter(({ parent }) => parent === id).flatMap((child) => withDescendants(tree, child.id));
  return [...below, id];
}
