import { existsSync } from 'node:fs';
import { required, wordOf, type MachineCall } from '../command-line/call.ts';
import { refusal } from '../command-line/errors.ts';
import type { Dictionary } from '../dictionary/dictionary.ts';
import { requireGuest } from '../guest/tools-state.ts';
import { changeRun } from '../machine/signal-run.ts';

const ACCESS = ['writable', 'readonly'] as const;

export async function addSharedFolder(call: MachineCall): Promise<void> {
  const { machine, share, hostPath } = await folderOf(call);
  if (positionOf(machine.configuration(), share) !== undefined) throw refusal('already-exists');
  await call.halfway();
  machine.edit((vmx) => {
    const prefix = `sharedFolder${freePosition(vmx)}`;
    vmx.set(`${prefix}.present`, 'TRUE');
    vmx.set(`${prefix}.enabled`, 'TRUE');
    vmx.set(`${prefix}.readAccess`, 'TRUE');
    vmx.set(`${prefix}.writeAccess`, 'TRUE');
    vmx.set(`${prefix}.hostPath`, hostPath);
    vmx.set(`${prefix}.guestName`, share);
    vmx.set(`${prefix}.expiration`, 'never');
    count(vmx);
  });
}

export async function setSharedFolderState(call: MachineCall): Promise<void> {
  const { machine, share, hostPath } = await folderOf(call);
  const access = wordOf(required(call, 2), ACCESS, 'writable');
  const position = requirePosition(machine.configuration(), share);
  await call.halfway();
  machine.edit((vmx) => {
    vmx.set(`sharedFolder${position}.hostPath`, hostPath);
    vmx.set(`sharedFolder${position}.writeAccess`, access === 'writable' ? 'TRUE' : 'FALSE');
  });
}

export async function removeSharedFolder(call: MachineCall): Promise<void> {
  await requireGuest(call, { login: false });
  const position = requirePosition(call.machine.configuration(), required(call, 0));
  await call.halfway();
  call.machine.edit((vmx) => {
    vmx.deleteMatching(new RegExp(`^sharedFolder${position}\\.`, 'i'));
    count(vmx);
  });
}

export const enableSharedFolders = (call: MachineCall): Promise<void> => setEnabled(call, true);

export const disableSharedFolders = (call: MachineCall): Promise<void> => setEnabled(call, false);

async function setEnabled(call: MachineCall, isEnabled: boolean): Promise<void> {
  const { machine } = call;
  const isRuntimeOnly = wordOf(call.parameters[0], ['always', 'runtime'], 'always') === 'runtime';
  await requireGuest(call, { login: false });
  await call.halfway();
  changeRun(machine, (run) => (run.sharedFolders = isEnabled ? 'enabled' : 'disabled'));
  if (!isRuntimeOnly) machine.edit((vmx) => vmx.set('isolation.tools.hgfs.disable', isEnabled ? 'FALSE' : 'TRUE'));
}

async function folderOf(call: MachineCall) {
  const { machine, session } = call;
  const [share, hostPath] = [required(call, 0), required(call, 1)];
  await requireGuest(call, { login: false });
  if (!existsSync(session.paths.local(hostPath))) throw refusal('file-not-found');
  return { machine, share, hostPath };
}

function positions(vmx: Dictionary): number[] {
  return vmx.keys().flatMap((key) => {
    const position = /^sharedFolder(\d+)\.guestName$/i.exec(key)?.[1];
    return position === undefined ? [] : Number(position);
  });
}

function positionOf(vmx: Dictionary, share: string): number | undefined {
  return positions(vmx).find((position) => vmx.get(`sharedFolder${position}.guestName`) === share);
}

function requirePosition(vmx: Dictionary, share: string): number {
  const position = positionOf(vmx, share);
  if (position === undefined) throw refusal('file-not-found');
  return position;
}

function freePosition(vmx: Dictionary): number {
  const taken = positions(vmx);
  let position = 0;
  while (taken.includes(position)) position++;
  return position;
}

const count = (vmx: Dictionary) => vmx.set('sharedFolder.maxNum', String(positions(vmx).length));
