import {
  createSnapshot,
  deleteVm,
  pauseVm,
  resetVm,
  restartVm,
  resumeVm,
  startVm,
  stopVm,
  suspendVm,
  type CommandDefinition,
} from '@polyvirt/contracts';
import type { BatchAction } from './batch-plan.ts';

/** Verb of the operation whose parts are one operation for each VM. */
export const batchVerb = 'batch';

/** The command that an action of a batch asks for. */
export const batchCommands: Readonly<Record<BatchAction, CommandDefinition>> = {
  start: startVm,
  stop: stopVm,
  restart: restartVm,
  suspend: suspendVm,
  resume: resumeVm,
  pause: pauseVm,
  reset: resetVm,
  delete: deleteVm,
  snapshot: createSnapshot,
};
