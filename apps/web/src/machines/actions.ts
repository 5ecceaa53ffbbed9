import type { PowerVerb } from '../api/calls.ts';
import type { Host, Permission, Vm, VmState } from '../api/client.ts';

/** Changes of the hardware, each by a route of its own. */
export type DeviceAction =
  'addDisk' | 'growDisk' | 'detachDisk' | 'cdrom' | 'bootOrder' | 'addNic' | 'changeNic' | 'removeNic';
export type MachineAction =
  | PowerVerb
  | 'delete'
  | 'console'
  | 'consoleText'
  | 'snapshot'
  | 'revert'
  | 'removeSnapshot'
  | 'edit'
  | 'clone'
  | 'template'
  | 'autostart'
  | 'dropPending'
  | 'stopForce'
  | 'restartForce'
  | DeviceAction;

interface Rule {
  /** `vm:power` where there is none. */
  readonly permission?: Permission;
  readonly from: readonly VmState[];
  /** More states, on a host that says it has this feature of the capability. */
  readonly also?: { readonly from: readonly VmState[]; readonly feature: string };
  readonly needs?: keyof Host['capabilities'];
  /** Of the capability, when not every host that has it can do this; of several, one is enough. */
  readonly features?: (vm: Vm) => readonly string[];
}

const changeable: Rule = {
  permission: 'vm:edit',
  from: ['running', 'stopped', 'paused', 'crashed'],
  needs: 'reconfigure',
};
const ofSnapshot: Rule = {
  permission: 'vm:snapshot',
  from: ['running', 'stopped', 'paused', 'crashed', 'suspended'],
  needs: 'snapshots',
};
const ofConsole: Rule = { permission: 'vm:console', from: ['running', 'paused'], needs: 'console' };
/** What is done beside an operation that runs. */
const besides: readonly MachineAction[] = ['console', 'consoleText'];
const vmStates: readonly VmState[] = ['running', 'stopped', 'paused', 'suspended', 'crashed', 'unknown'];

/** In which states an action makes sense. The API has the last word; this is what greys a button out before it is asked. */
const rules: Record<MachineAction, Rule> = {
  start: { from: ['stopped', 'suspended', 'crashed'] },
  stop: { from: ['running'] },
  stopForce: { from: ['running', 'paused', 'crashed', 'suspended'] },
  restart: { from: ['running'] },
  restartForce: { from: ['running', 'paused', 'crashed'] },
  reset: { from: ['running', 'paused'] },
  suspend: { from: ['running', 'paused'], needs: 'suspend' },
  pause: { from: ['running'], needs: 'suspend' },
  resume: { from: ['paused', 'suspended'], needs: 'suspend' },
  console: { ...ofConsole, features: () => ['graphic'] },
  consoleText: { ...ofConsole, features: () => ['text'] },
  snapshot: { permission: 'vm:snapshot', from: ['running', 'stopped', 'paused'], needs: 'snapshots' },
  revert: ofSnapshot,
  removeSnapshot: ofSnapshot,
  edit: changeable,
  addDisk: changeable,
  growDisk: { ...changeable, features: ({ snapshotCount }) => (snapshotCount > 0 ? ['growWithSnapshots'] : []) },
  detachDisk: changeable,
  cdrom: { ...changeable, features: () => ['cdrom'] },
  bootOrder: { ...changeable, features: () => ['bootOrder'] },
  template: { ...changeable, from: ['stopped', 'crashed'], features: () => ['template'] },
  autostart: { ...changeable, features: () => ['autostart'] },
  addNic: changeable,
  changeNic: { ...changeable, features: () => ['nicsInPlace', 'nicLink'] },
  removeNic: changeable,
  dropPending: { ...changeable, from: vmStates, features: () => ['dropPending'] },
  clone: {
    permission: 'vm:create',
    from: ['stopped', 'crashed'],
    also: { from: ['running', 'paused'], feature: 'running' },
    needs: 'clone',
  },
  delete: { permission: 'vm:delete', from: ['stopped', 'suspended', 'crashed'] },
};

/** What a template is kept from, which does not start. */
const startsIt: ReadonlySet<MachineAction> = new Set(['start', 'restart', 'restartForce', 'reset', 'resume', 'revert']);

export const permissionOf = (action: MachineAction): Permission => rules[action].permission ?? 'vm:power';

/** Why an action is not possible now, as a key of the catalogue, or as the sentence that the host gives. */
export type Obstacle =
  { readonly key: 'offline' | 'busy' | 'protected' | 'template' | 'state' } | { readonly sentence: string };

/** What a host says it cannot do: a whole capability, or a feature of it. Undefined when it can, or is not known. */
export function lackOf(
  host: Host | undefined,
  capability: keyof Host['capabilities'],
  feature?: string,
): { readonly reason: string | undefined } | undefined {
  const whole = host?.capabilities[capability];
  for (const one of [whole, feature === undefined ? undefined : whole?.features?.[feature]])
    if (one && !one.available) return { reason: one.reason };
  return undefined;
}

/** The first thing that stands against an action, or undefined. */
export function obstacleTo(action: MachineAction, vm: Vm, host: Host | undefined): Obstacle | undefined {
  const { from, also, needs, features } = rules[action];
  if (host?.state === 'offline') return { key: 'offline' };
  if (needs) {
    const wanted = features?.(vm) ?? [];
    const lacks = wanted.map((feature) => lackOf(host, needs, feature));
    const lack = lacks.length > 0 && lacks.every((one) => one !== undefined) ? lacks[0] : lackOf(host, needs);
    if (lack) return lack.reason === undefined ? { key: 'state' } : { sentence: lack.reason };
  }
  const more = needs && also && host?.capabilities[needs].features?.[also.feature]?.available ? also.from : [];
  if (vm.template && startsIt.has(action)) return { key: 'template' };
  if (!from.includes(vm.state) && !more.includes(vm.state)) return { key: 'state' };
  if (vm.operation !== undefined && !besides.includes(action)) return { key: 'busy' };
  if (action === 'delete' && vm.protected) return { key: 'protected' };
  return undefined;
}
