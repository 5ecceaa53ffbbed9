import type { PowerVerb } from '../api/changes.ts';
import type { Host, Vm, VmState } from '../api/client.ts';

export type MachineAction = PowerVerb | 'delete' | 'console' | 'snapshot' | 'edit' | 'clone' | 'dropPending';

interface Rule {
  readonly from: readonly VmState[];
  readonly needs?: keyof Host['capabilities'];
  /** Of the capability, when not every host that has it can do this. */
  readonly feature?: string;
}

const vmStates: readonly VmState[] = ['running', 'stopped', 'paused', 'suspended', 'crashed', 'unknown'];

/** In which states an action makes sense. The API has the last word; this is what greys a button out before it is asked. */
const rules: Record<MachineAction, Rule> = {
  start: { from: ['stopped', 'suspended', 'crashed'] },
  stop: { from: ['running'] },
  restart: { from: ['running'] },
  reset: { from: ['running', 'paused'] },
  suspend: { from: ['running', 'paused'], needs: 'suspend' },
  pause: { from: ['running'], needs: 'suspend' },
  resume: { from: ['paused', 'suspended'], needs: 'suspend' },
  console: { from: ['running', 'paused'], needs: 'console' },
  snapshot: { from: ['running', 'stopped', 'paused'], needs: 'snapshots' },
  edit: { from: ['running', 'stopped', 'paused', 'crashed'], needs: 'reconfigure' },
  dropPending: { from: vmStates, needs: 'reconfigure', feature: 'dropPending' },
  clone: { from: ['stopped', 'crashed'], needs: 'clone' },
  delete: { from: ['stopped', 'suspended', 'crashed'] },
};

export const permissionOf = (action: MachineAction) =>
  action === 'delete'
    ? 'vm:delete'
    : action === 'console'
      ? 'vm:console'
      : action === 'snapshot'
        ? 'vm:snapshot'
        : action === 'edit' || action === 'dropPending'
          ? 'vm:edit'
          : action === 'clone'
            ? 'vm:create'
            : 'vm:power';

/** Why an action is not possible now, as a key of the catalogue, or as the sentence that the host gives. */
export type Obstacle = { readonly key: 'offline' | 'busy' | 'protected' | 'state' } | { readonly sentence: string };

/** The first thing that stands against an action, or undefined. */
export function obstacleTo(action: MachineAction, vm: Vm, host: Host | undefined): Obstacle | undefined {
  const { from, needs, feature } = rules[action];
  if (host?.state === 'offline') return { key: 'offline' };
  const capability = needs && host?.capabilities[needs];
  for (const one of [capability, feature && capability?.features?.[feature]])
    if (one && !one.available) return one.reason ? { sentence: one.reason } : { key: 'state' };
  if (!from.includes(vm.state)) return { key: 'state' };
  if (vm.operation !== undefined && action !== 'console') return { key: 'busy' };
  if (action === 'delete' && vm.protected) return { key: 'protected' };
  return undefined;
}
