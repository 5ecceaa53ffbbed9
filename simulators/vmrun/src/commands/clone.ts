import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { required, wordOf, type MachineCall } from '../command-line/call.ts';
import { refusal, type ErrorName } from '../command-line/errors.ts';
import type { Knobs } from '../knobs/catalogue.ts';
import { cloneMachine } from '../machine/clone-machine.ts';
import type { Machine } from '../machine/machine.ts';
import { requireSnapshot } from '../snapshots/find-snapshot.ts';
import { readSnapshots } from '../snapshots/snapshot-file.ts';
import type { Snapshot } from '../snapshots/snapshot-tree.ts';
import { takeSnapshot } from '../snapshots/take-snapshot.ts';

const PLAYER_ANSWER: Record<Knobs['playerClone'], ErrorName> = {
  'parameter-invalid': 'invalid-parameter',
  license: 'license',
  'not-supported': 'not-supported',
};

export async function clone(call: MachineCall): Promise<void> {
  const { machine, session } = call;
  const { knobs } = machine;
  if (call.product === 'player') throw refusal(PLAYER_ANSWER[knobs.playerClone]);
  const destination = required(call, 0);
  const isLinked = wordOf(required(call, 1), ['full', 'linked'], 'full') === 'linked';
  const options = optionsOf(call.parameters.slice(2));
  if (!session.paths.isAbsolute(destination) || !/\.vmx$/i.test(destination)) throw refusal('invalid-parameter');
  if (machine.isEncrypted()) throw refusal('not-supported');
  const snapshot =
    options.snapshot === undefined ? undefined : requireSnapshot(readSnapshots(machine), options.snapshot, knobs);
  requireStill(machine, isLinked, snapshot);

  const vmx = session.paths.local(destination);
  prepareFolder(vmx, knobs);
  const name = options.cloneName ?? displayNameOf(machine, vmx);
  // A linked clone of the present state stands on a snapshot that is made for it.
  const base = snapshot ?? (isLinked ? await takeSnapshot(machine, `Snapshot for ${name}`, call.halfway) : undefined);
  await cloneMachine(machine, vmx, { isLinked, snapshot: base, displayName: name, halfway: call.halfway });
}

/** Options come as `-name=value` or as two words. */
function optionsOf(words: string[]): { snapshot?: string; cloneName?: string } {
  const options: { snapshot?: string; cloneName?: string } = {};
  for (let index = 0; index < words.length; index++) {
    const match = /^-(snapshot|cloneName)(?:=(.*))?$/is.exec(words[index]!);
    const value = match?.[2] ?? words[++index];
    if (!match || value === undefined) throw refusal('invalid-parameter');
    if (match[1]!.toLowerCase() === 'snapshot') options.snapshot = value;
    else options.cloneName = value;
  }
  return options;
}

/** The state that is cloned must not move: neither a running VM nor, for most clones, a kept memory. */
function requireStill(machine: Machine, isLinked: boolean, snapshot: Snapshot | undefined): void {
  const { cloneRunning, cloneLiveSnapshot } = machine.knobs;
  const isFromRest = snapshot !== undefined && !snapshot.hasMemory;
  const isRunning = machine.run() !== undefined;
  const isLive =
    (isRunning && !(isFromRest && cloneRunning === 'allow-snapshot')) ||
    (isLinked && snapshot === undefined && machine.suspendFile() !== undefined) ||
    (snapshot?.hasMemory === true && (isLinked || cloneLiveSnapshot === 'refuse'));
  if (isLive) throw refusal('already-running-3007');
}

function prepareFolder(vmx: string, knobs: Knobs): void {
  if (existsSync(vmx)) {
    if (knobs.cloneExisting === 'refuse') throw refusal('file-exists');
    rmSync(vmx);
  }
  if (existsSync(dirname(vmx))) return;
  if (knobs.cloneMakesFolder === 'no') throw refusal('file-not-found');
  mkdirSync(dirname(vmx), { recursive: true });
}

function displayNameOf(machine: Machine, vmx: string): string {
  const source = machine.configuration().get('displayName') ?? machine.name;
  switch (machine.knobs.cloneDisplayName) {
    case 'clone-of':
      return `Clone of ${source}`;
    case 'source':
      return source;
    case 'file':
      return vmx.replace(/^.*\//, '').replace(/\.vmx$/i, '');
  }
}
