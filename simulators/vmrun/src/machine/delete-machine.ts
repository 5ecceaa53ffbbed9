import { existsSync, readdirSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { readDictionary } from '../dictionary/dictionary-file.ts';
import { parentOf } from '../disks/disk-chain.ts';
import { DiskError } from '../disks/disk-error.ts';
import { deleteDisk } from '../disks/disk-file.ts';
import { forgetGuestFiles } from '../guest/guest-disk.ts';
import { readSnapshots } from '../snapshots/snapshot-file.ts';
import { forgetClone } from './clone-machine.ts';
import type { Machine } from './machine.ts';

/**
 * Deletes the VM's own files: configuration, disks with all snapshots, states. Logs, lock folders and foreign files stay,
 * and usually the folder with them.
 */
export async function deleteMachine(machine: Machine, halfway: () => Promise<void>): Promise<void> {
  const configuration = machine.configuration();
  const parent = readDictionary(machine.companion('.vmsd'), { optional: true }).get('cloneOf0');
  const snapshots = readSnapshots(machine).all;
  const disks = new Set([
    ...machine.diskPaths(configuration),
    ...snapshots.flatMap((snapshot) => snapshot.disks.map(({ fileName }) => machine.file(fileName))),
  ]);
  for (const disk of [...disks].filter((path) => existsSync(path)).sort(childrenFirst(machine))) {
    // A linked clone's parents lie elsewhere and belong to somebody else.
    if (dirname(disk) !== machine.folder) continue;
    deleteIfDisk(disk);
    forgetGuestFiles(machine.session, disk);
    await halfway();
  }
  for (const { fileName } of snapshots) removeState(machine.file(fileName));
  const suspendFile = machine.suspendFile(configuration);
  if (suspendFile !== undefined) removeState(suspendFile);
  for (const key of ['nvram', 'extendedConfigFile', 'vmxstats.filename']) {
    const name = configuration.get(key);
    if (name) rmSync(machine.file(name), { force: true });
  }
  for (const ending of ['.vmxf', '.nvram', '.vmsd', '.vmem']) rmSync(machine.companion(ending), { force: true });
  unlinkSync(machine.vmx);
  if (parent !== undefined) forgetClone(machine, parent);
  if (machine.knobs.deleteVmFolder === 'removed') removeFolder(machine.folder);
}

function removeState(path: string): void {
  rmSync(path, { force: true });
  rmSync(path.replace(/\.vms[ns]$/i, '.vmem'), { force: true });
}

function deleteIfDisk(path: string): void {
  try {
    deleteDisk(path);
  } catch (cause) {
    if (!(cause instanceof DiskError)) throw cause;
    rmSync(path, { force: true });
  }
}

/** Disks with a parent come before those without, so that an interrupted deletion leaves no orphans. */
function childrenFirst(machine: Machine) {
  const isChild = (path: string) => {
    try {
      return parentOf(path, machine.session.paths) !== undefined;
    } catch {
      return false;
    }
  };
  return (one: string, other: string) => Number(isChild(other)) - Number(isChild(one));
}

/** Logs and locks do not keep the folder, anything else does, also when it comes at the last moment. */
function removeFolder(folder: string): void {
  const isLeftover = (name: string) => /^vmware.*\.log$|\.lck$/i.test(name);
  if (!readdirSync(folder).every(isLeftover)) return;
  try {
    for (const name of readdirSync(folder)) rmSync(`${folder}/${name}`, { recursive: true, force: true });
    rmdirSync(folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw cause;
  }
}
