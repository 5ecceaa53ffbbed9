import {
  pauseVm,
  resetVm,
  restartVm,
  resumeVm,
  startVm,
  stopVm,
  suspendVm,
  type CommandDefinition,
  type StopVm,
} from '@polyvirt/contracts';
import type { Request } from './vm-commands.ts';

const definitions = {
  start: startVm,
  stop: stopVm,
  restart: restartVm,
  reset: resetVm,
  suspend: suspendVm,
  pause: pauseVm,
  resume: resumeVm,
} as const satisfies Record<string, CommandDefinition>;

export type PowerAction = keyof typeof definitions;

/** What to ask for. By force, other states will do. */
export function powerRequest(action: PowerAction, stopping?: StopVm): Request {
  const forced = stopping?.force === true && (action === 'stop' || action === 'restart');
  return {
    definition: definitions[action],
    action: forced ? `${action}-force` : action,
    input: stopping ?? {},
  };
}
