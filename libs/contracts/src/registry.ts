import { archiveUpdated } from './archive/archive.ts';
import type { EventDefinition } from './define.ts';
import * as hostEvents from './host/host-events.ts';
import {
  commandDeadLettered,
  operationCancelled,
  operationFailed,
  operationProgressed,
  operationStarted,
  operationSucceeded,
} from './operation/operation-events.ts';
import { deleteVolume } from './host/volume-delete.ts';
import { createImage, deleteImage } from './image/image-commands.ts';
import type { CommandDefinition } from './command/define-command.ts';
import { cancelOperation, identifyAgent, listOperations } from './operation/operation-queries.ts';
import { cloneVm } from './vm/vm-clone.ts';
import { openConsole } from './vm/vm-console.ts';
import { createVm } from './vm/vm-create.ts';
import { deleteVm } from './vm/vm-delete.ts';
import { setCdrom } from './vm/vm-cdrom.ts';
import { addDisk, detachDisk, growDisk } from './vm/vm-disk.ts';
import { dropPendingChanges, reconfigureVm } from './vm/vm-edit.ts';
import * as vmEvents from './vm/vm-events.ts';
import { addNic, changeNic, removeNic } from './vm/vm-nic.ts';
import { pauseVm, resetVm, restartVm, resumeVm, startVm, stopVm, suspendVm } from './vm/vm-power.ts';
import { readDefinition, readGuest, readVm } from './vm/vm-queries.ts';
import { planVm } from './plan/plan-query.ts';
import { createSnapshot, deleteSnapshot, revertSnapshot } from './vm/vm-snapshot.ts';

/** Everything an agent can be asked to do. */
export const commands = [
  createVm,
  deleteVm,
  startVm,
  stopVm,
  restartVm,
  resetVm,
  suspendVm,
  pauseVm,
  resumeVm,
  reconfigureVm,
  addDisk,
  growDisk,
  detachDisk,
  addNic,
  changeNic,
  removeNic,
  setCdrom,
  dropPendingChanges,
  cloneVm,
  deleteVolume,
  createImage,
  deleteImage,
  createSnapshot,
  revertSnapshot,
  deleteSnapshot,
] as const;

/** Everything that can have happened. */
export const events = [
  ...Object.values(vmEvents),
  operationStarted,
  operationProgressed,
  operationSucceeded,
  operationFailed,
  operationCancelled,
  commandDeadLettered,
  ...Object.values(hostEvents),
  archiveUpdated,
] as const;

/** Those of them that an agent may publish, of its own host. */
export const agentEvents: readonly EventDefinition[] = (events as readonly EventDefinition[]).filter(
  ({ publisher }) => publisher === undefined,
);

/** Everything the live host can be asked. */
export const queries = [
  readVm,
  planVm,
  readGuest,
  readDefinition,
  openConsole,
  cancelOperation,
  listOperations,
  identifyAgent,
] as const;

export type Verb = (typeof commands)[number]['verb'];

/** The command of a verb; undefined for a verb that is no command, or no longer. */
export const commandOfVerb = (verb: string): CommandDefinition | undefined =>
  commands.find((command) => command.verb === verb);

/** Whether a command is carried out on a full disk: it makes room, or it ends what uses it up. */
export const makesRoom = ({ method, verb }: Pick<CommandDefinition, 'method' | 'verb'>): boolean =>
  method === 'DELETE' || verb === stopVm.verb;

export type EventName = (typeof events)[number]['name'];
