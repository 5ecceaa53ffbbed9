import { rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { mergeIntoParent, relinkChild } from '../disks/child-disk.ts';
import { parentOf } from '../disks/disk-chain.ts';
import { deleteDisk } from '../disks/disk-file.ts';
import { forgetGuestFiles, mergeGuestFiles } from '../guest/guest-disk.ts';
import { disksOf } from '../machine/devices.ts';
import type { Machine } from '../machine/machine.ts';
import { editSnapshots, readSnapshots } from './snapshot-file.ts';
import type { Snapshot } from './snapshot-tree.ts';

/** Removes one snapshot: its children come under its parent, and its disks are merged with what stands on them. */
export async function deleteSnapshot(machine: Machine, uid: number, halfway: () => Promise<void>): Promise<void> {
  const snapshot = readSnapshots(machine).all.find((candidate) => candidate.uid === uid);
  if (!snapshot) return;
  for (const { fileName } of snapshot.disks) releaseDisk(machine, machine.file(fileName), snapshot);
  await halfway();
  const stateFile = machine.file(snapshot.fileName);
  rmSync(stateFile, { force: true });
  rmSync(stateFile.replace(/\.vmsn$/i, '.vmem'), { force: true });
  editSnapshots(machine, (tree) => {
    const present = tree.all.find((candidate) => candidate.uid === uid);
    if (present) tree.remove(present);
  });
}

/** A disk that nothing stands on goes; one with a single child takes in that child; one with several stays as it is. */
function releaseDisk(machine: Machine, disk: string, snapshot: Snapshot): void {
  const { session } = machine;
  const users = diskUsers(machine).filter(({ owner }) => owner !== snapshot.uid);
  const paths = [...new Set(users.map((user) => user.path))];
  if (paths.includes(disk)) return;
  const children = paths.filter((path) => parentOf(path, session.paths) === disk);
  if (children.length === 0) {
    if (dirname(disk) === machine.folder) deleteDisk(disk);
    forgetGuestFiles(session, disk);
  }
  if (children.length !== 1) return;
  const child = children[0]!;
  mergeIntoParent(child, disk);
  mergeGuestFiles(session, child, disk);
  for (const path of paths) if (parentOf(path, session.paths) === child) relinkChild(path, disk, session.paths);
  renameInFiles(machine, child, disk);
  deleteDisk(child);
}

/** Every disk the VM refers to, by its configuration (owner 0) or by a snapshot. */
function diskUsers(machine: Machine): { owner: number; path: string }[] {
  const ofSnapshots = readSnapshots(machine).all.flatMap(({ uid, disks }) =>
    disks.map(({ fileName }) => ({ owner: uid, path: machine.file(fileName) })),
  );
  return [...machine.diskPaths().map((path) => ({ owner: 0, path })), ...ofSnapshots];
}

function renameInFiles(machine: Machine, from: string, to: string): void {
  const name = dirname(to) === machine.folder ? basename(to) : machine.session.paths.shown(to);
  machine.edit((vmx) => {
    for (const { node, fileName } of disksOf(vmx))
      if (machine.file(fileName) === from) vmx.set(`${node}.fileName`, name);
  });
  editSnapshots(machine, (tree) => {
    for (const snapshot of tree.all) {
      const disks = snapshot.disks.map((disk) =>
        machine.file(disk.fileName) === from ? { ...disk, fileName: name } : disk,
      );
      tree.write({ ...snapshot, disks });
    }
  });
}
