import { existsSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { refusal } from '../command-line/errors.ts';
import { Dictionary } from '../dictionary/dictionary.ts';
import { createChild } from '../disks/child-disk.ts';
import { parentOf } from '../disks/disk-chain.ts';
import { deleteDisk } from '../disks/disk-file.ts';
import { forgetGuestFiles, inheritGuestFiles } from '../guest/guest-disk.ts';
import { replaceFile } from '../host/replace-file.ts';
import { readCheckpoint, writeCheckpoint, type Checkpoint } from '../machine/checkpoint-file.ts';
import type { Machine } from '../machine/machine.ts';
import { nextChildPath } from './child-names.ts';
import { editSnapshots, readSnapshots } from './snapshot-file.ts';
import type { Snapshot } from './snapshot-tree.ts';

/** What of the present configuration a revert does not touch. */
const KEPT = ['displayName', 'uuid.bios', 'uuid.location'];

/**
 * Brings a stopped VM back to the snapshot. True when the VM has the snapshot's memory to resume: it is suspended then.
 */
export async function revertToSnapshot(
  machine: Machine,
  snapshot: Snapshot,
  withMemory: boolean,
  halfway: () => Promise<void>,
): Promise<boolean> {
  const { session } = machine;
  const checkpoint = checkpointOf(machine, snapshot);
  dropCurrentDisks(machine);
  await halfway();
  const configuration = configurationAfter(machine, checkpoint);
  for (const { node, fileName } of snapshot.disks) {
    const parent = machine.file(fileName);
    const child = nextChildPath(parent, machine.folder);
    createChild(parent, child, session.paths);
    inheritGuestFiles(session, parent, child);
    configuration.set(`${node}.fileName`, basename(child));
  }
  const isSuspended = withMemory && checkpoint.memory !== undefined;
  if (isSuspended) {
    const suspendFile = `${machine.name}-Snapshot${snapshot.uid}.vmss`;
    writeCheckpoint(machine.file(suspendFile), checkpoint, session.clock);
    configuration.set('checkpoint.vmState', suspendFile);
  }
  replaceFile(machine.vmx, configuration.bytes());
  editSnapshots(machine, (tree) => (tree.currentUid = snapshot.uid));
  return isSuspended;
}

function checkpointOf(machine: Machine, { fileName }: Snapshot): Checkpoint {
  const path = machine.file(fileName);
  const checkpoint = existsSync(path) ? readCheckpoint(path) : undefined;
  if (!checkpoint) throw refusal('snapshot-unreadable');
  return checkpoint;
}

/** The present disks and the suspended state are given up, unless a snapshot holds them. */
function dropCurrentDisks(machine: Machine): void {
  const { session } = machine;
  const held = readSnapshots(machine).all.flatMap(({ disks }) => disks.map(({ fileName }) => machine.file(fileName)));
  for (const disk of machine.diskPaths()) {
    const isChild = existsSync(disk) && parentOf(disk, session.paths) !== undefined;
    if (!isChild || held.includes(disk) || dirname(disk) !== machine.folder) continue;
    deleteDisk(disk);
    forgetGuestFiles(session, disk);
  }
  const suspendFile = machine.suspendFile();
  if (suspendFile === undefined) return;
  rmSync(suspendFile, { force: true });
  rmSync(suspendFile.replace(/\.vmss$/i, '.vmem'), { force: true });
}

function configurationAfter(machine: Machine, checkpoint: Checkpoint): Dictionary {
  const present = machine.configuration();
  const configuration = Dictionary.parse(checkpoint.configuration);
  for (const key of KEPT) {
    const value = present.get(key);
    if (value !== undefined) configuration.set(key, value);
  }
  configuration.set('checkpoint.vmState', '');
  configuration.set('cleanShutdown', 'TRUE');
  return configuration;
}
