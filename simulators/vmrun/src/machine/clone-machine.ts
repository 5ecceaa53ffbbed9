import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { refusal } from '../command-line/errors.ts';
import { Dictionary } from '../dictionary/dictionary.ts';
import { createChild } from '../disks/child-disk.ts';
import { copyDisk, typeOf } from '../disks/copy-disk.ts';
import { findQemuImg } from '../disks/qemu-img.ts';
import { inheritGuestFiles } from '../guest/guest-disk.ts';
import { replaceFile } from '../host/replace-file.ts';
import { cloneDiskPath } from '../snapshots/child-names.ts';
import { editSnapshots } from '../snapshots/snapshot-file.ts';
import type { Snapshot } from '../snapshots/snapshot-tree.ts';
import { readCheckpoint } from './checkpoint-file.ts';
import { disksOf } from './devices.ts';
import { generateAddresses, locationUuid, renewIdentity } from './identity.ts';
import { Machine } from './machine.ts';

export interface ClonePlan {
  isLinked: boolean;
  /** The state to clone; the present one when absent. */
  snapshot: Snapshot | undefined;
  displayName: string;
  halfway: () => Promise<void>;
}

/** Makes a VM of its own at `vmx`: copied disks or disks on top of the snapshot's, a new identity, no state. */
export async function cloneMachine(source: Machine, vmx: string, plan: ClonePlan): Promise<void> {
  const { session } = source;
  const clone = new Machine(session, session.paths.shown(vmx), vmx);
  const configuration = configurationOf(source, plan.snapshot);
  const made: string[] = [];
  for (const { node, fileName } of plan.snapshot?.disks ?? disksOf(configuration)) {
    const disk = source.file(fileName);
    const target = cloneDiskPath(disk, clone.folder);
    if (plan.isLinked) createChild(disk, target, session.paths);
    else copyDisk(disk, target, copyType(disk), session.paths, qemuImgFor(source));
    inheritGuestFiles(session, disk, target);
    configuration.set(`${node}.fileName`, basename(target));
    made.push(basename(target));
    await plan.halfway();
  }
  copyFirmwareVariables(source, clone, configuration);
  settle(clone, configuration, plan.displayName);
  replaceFile(vmx, configuration.bytes());
  writeFileSync(clone.companion('.vmsd'), plan.isLinked ? linkedMetadata(source, made) : '');
  if (plan.snapshot && plan.isLinked) rememberClone(source, plan.snapshot, clone);
}

function configurationOf(source: Machine, snapshot: Snapshot | undefined): Dictionary {
  if (!snapshot) return source.configuration();
  const path = source.file(snapshot.fileName);
  const checkpoint = existsSync(path) ? readCheckpoint(path) : undefined;
  if (!checkpoint) throw refusal('snapshot-unreadable');
  return Dictionary.parse(checkpoint.configuration);
}

/** What is not the source's own any more. */
function settle(clone: Machine, configuration: Dictionary, displayName: string): void {
  configuration.deleteMatching(/^(checkpoint\.|vmotion\.checkpoint|uuid\.(bios|location)$|vm\.genid)/i);
  configuration.set('displayName', displayName);
  configuration.set('extendedConfigFile', `${clone.name}.vmxf`);
  configuration.set('vmxstats.filename', `${clone.name}.scoreboard`);
  configuration.set('cleanShutdown', 'TRUE');
  renewIdentity(configuration, locationUuid(clone.shown));
  generateAddresses(configuration);
}

function copyFirmwareVariables(source: Machine, clone: Machine, configuration: Dictionary): void {
  const variables = source.file(configuration.get('nvram') ?? `${source.name}.nvram`);
  if (existsSync(variables)) copyFileSync(variables, clone.companion('.nvram'));
  configuration.set('nvram', `${clone.name}.nvram`);
}

function linkedMetadata(source: Machine, disks: string[]): Buffer {
  const sentinels = disks.map((disk, index) => [`sentinel${index}`, disk]);
  return Dictionary.of({
    cloneOf0: source.shown,
    numCloneOf: '1',
    ...(Object.fromEntries(sentinels) as Record<string, string>),
    numSentinels: String(disks.length),
  }).bytes();
}

function rememberClone(source: Machine, snapshot: Snapshot, clone: Machine): void {
  editSnapshots(source, (tree) => {
    const base = tree.all.find(({ uid }) => uid === snapshot.uid);
    if (base) tree.write({ ...base, clones: [...base.clones, clone.shown] });
  });
}

/** A stream-optimized disk cannot be written to, so its clone is a growing one. */
function copyType(disk: string) {
  const type = typeOf(disk);
  return type === 5 ? 0 : type;
}

function qemuImgFor(machine: Machine): string | undefined {
  return machine.knobs.qemuImg === 'auto' ? findQemuImg() : undefined;
}

/** Takes a deleted linked clone off its parent's list, where the parent is still there. */
export function forgetClone(clone: Machine, parentShown: string): void {
  const { session } = clone;
  const parent = new Machine(session, parentShown, session.paths.local(parentShown));
  if (!existsSync(dirname(parent.vmx)) || !existsSync(parent.companion('.vmsd'))) return;
  editSnapshots(parent, (tree) => {
    for (const snapshot of tree.all) {
      const clones = snapshot.clones.filter((path) => session.paths.local(path) !== clone.vmx);
      if (clones.length < snapshot.clones.length) tree.write({ ...snapshot, clones });
    }
  });
}
