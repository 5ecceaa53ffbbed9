import { statSync, truncateSync, writeFileSync } from 'node:fs';
import { refusal } from '../command-line/errors.ts';
import { createChild } from '../disks/child-disk.ts';
import { inheritGuestFiles } from '../guest/guest-disk.ts';
import { memoryOf, readCheckpoint, writeCheckpoint, type GuestMemory } from '../machine/checkpoint-file.ts';
import { disksOf } from '../machine/devices.ts';
import type { Machine } from '../machine/machine.ts';
import { nextChildPath } from './child-names.ts';
import { invalidSnapshotName } from './find-snapshot.ts';
import { editSnapshots, readSnapshots } from './snapshot-file.ts';
import type { Snapshot, SnapshotTree } from './snapshot-tree.ts';

/** Freezes the VM's disks, and its memory when it runs or is suspended, as a child of the current snapshot. */
export async function takeSnapshot(machine: Machine, name: string, halfway: () => Promise<void>): Promise<Snapshot> {
  const { session } = machine;
  const configuration = machine.configuration();
  const run = machine.run();
  if (run && machine.isEncrypted(configuration)) throw refusal('encrypted-authentication');
  requireFreeName(machine, readSnapshots(machine), name);
  const disks = disksOf(configuration);
  if (run && disks.some((disk) => disk.isIndependent)) throw refusal('independent-disks');
  const suspendFile = machine.suspendFile(configuration);
  if (suspendFile !== undefined) requireNewState(machine, suspendFile);

  const frozen = disks.filter((disk) => !disk.isIndependent);
  const children = new Map<string, string>();
  for (const disk of frozen) {
    const parent = machine.file(disk.fileName);
    const child = nextChildPath(parent, machine.folder);
    createChild(parent, child, session.paths);
    inheritGuestFiles(session, parent, child);
    children.set(disk.node, child);
    await halfway();
  }
  const memory = run ? memoryOf(run) : suspendFile === undefined ? undefined : readCheckpoint(suspendFile)?.memory;
  const snapshot = editSnapshots(machine, (tree) =>
    tree.add({
      name,
      hasMemory: memory !== undefined,
      createdAt: BigInt(session.clock.now()) * 1000n,
      disks: frozen.map(({ fileName, node }) => ({ fileName, node })),
      fileName: (uid) => `${machine.name}-Snapshot${uid}.vmsn`,
    }),
  );
  keepState(machine, snapshot, configuration.bytes(), memory);
  machine.edit((vmx) => {
    for (const [node, child] of children) vmx.set(`${node}.fileName`, child.slice(machine.folder.length + 1));
  });
  return snapshot;
}

function keepState(
  machine: Machine,
  { fileName }: Snapshot,
  configuration: Buffer,
  memory: GuestMemory | undefined,
): void {
  const path = machine.file(fileName);
  writeCheckpoint(path, { configuration, memory }, machine.session.clock);
  if (memory === undefined) return;
  const memoryFile = path.replace(/\.vmsn$/i, '.vmem');
  writeFileSync(memoryFile, '');
  truncateSync(memoryFile, (Number(machine.configuration().get('memsize')) || 32) * 2 ** 20);
}

function requireFreeName(machine: Machine, tree: SnapshotTree, name: string): void {
  const { duplicateSnapshotNames, snapshotSlash } = machine.knobs;
  if (name === '' || (snapshotSlash === 'refuse' && /[\\/]/.test(name))) throw invalidSnapshotName(name);
  if (duplicateSnapshotNames === 'allow') return;
  const siblings = tree.all.filter((snapshot) => snapshot.parent === tree.currentUid);
  const rivals = duplicateSnapshotNames === 'refuse' ? tree.all : siblings;
  if (rivals.some((snapshot) => snapshot.name === name)) throw refusal('snapshot-exists');
}

/** A suspended VM can be snapshotted once: its state does not change until it is resumed. */
function requireNewState(machine: Machine, suspendFile: string): void {
  const last = readSnapshots(machine).all.at(-1);
  if (last && Number(last.createdAt / 1000n) >= statSync(suspendFile).mtimeMs) throw refusal('snapshot-unchanged');
}
