import { hasFeature, lackOf, type Capabilities, type CapabilityRef, type FeatureRef } from '../host/capabilities.ts';
import type { VmState } from './vm.ts';

/** In which states an action makes sense, in which it is already done, and what to do in the others. */
interface Rule {
  readonly from: readonly VmState[];
  /** More states in which it makes sense on a host that has a feature, and says so. */
  readonly also?: { readonly from: readonly VmState[]; readonly needs: FeatureRef };
  /** The state in which asking for it changes nothing, and succeeds. */
  readonly already?: VmState;
  /** Facet of the driver that it needs beyond the core, or a feature of one. */
  readonly needs?: CapabilityRef;
  /** For the states that are neither: what the user has to do first. */
  readonly otherwise: Partial<Record<VmState, string>>;
}

const off = 'It is powered off; start it first.';
/** Every host starts a VM that is suspended where it was; not every one resumes. */
const suspended = 'It is suspended; start it first.';
/** Of what wants it off. */
const suspendedOn = 'It is suspended; start it first, or stop it with force, which discards its saved memory.';
const unknown = 'The host does not say what state it is in.';
const stopFirst = 'Stop it first.';
const pausedOff = 'It is paused; stop it with force first.';
const resumeThere =
  'It is paused, and Polyvirt cannot resume it on this host. Resume it in the tool of its hypervisor, or stop it with force.';

/** The one table of what can be asked in which state. The API refuses by it and clients grey out by it. */
export const vmActions = {
  start: {
    from: ['stopped', 'suspended', 'crashed'],
    already: 'running',
    otherwise: { paused: 'It is paused; resume it.', unknown },
  },
  stop: {
    from: ['running'],
    already: 'stopped',
    otherwise: {
      paused: 'It is paused; resume it, or stop it with force.',
      suspended: suspendedOn,
      crashed: 'It has crashed; stop it with force.',
      unknown,
    },
  },
  'stop-force': { from: ['running', 'paused', 'crashed', 'suspended'], already: 'stopped', otherwise: { unknown } },
  restart: {
    from: ['running'],
    otherwise: {
      stopped: off,
      paused: 'It is paused; resume it, or restart it with force.',
      suspended,
      crashed: 'It has crashed; start it.',
      unknown,
    },
  },
  'restart-force': { from: ['running', 'paused', 'crashed'], otherwise: { stopped: off, suspended, unknown } },
  reset: {
    from: ['running', 'paused'],
    otherwise: { stopped: off, suspended, crashed: 'It has crashed; start it.', unknown },
  },
  suspend: {
    from: ['running', 'paused'],
    already: 'suspended',
    needs: 'suspend.suspend',
    otherwise: { stopped: off, crashed: 'It has crashed; start it.', unknown },
  },
  pause: {
    from: ['running'],
    already: 'paused',
    needs: 'suspend.pause',
    otherwise: { stopped: off, suspended, crashed: 'It has crashed; start it.', unknown },
  },
  resume: {
    from: ['paused', 'suspended'],
    already: 'running',
    needs: 'suspend',
    otherwise: { stopped: off, crashed: 'It has crashed; start it.', unknown },
  },
  reconfigure: {
    from: ['running', 'stopped', 'paused', 'crashed'],
    needs: 'reconfigure',
    otherwise: { suspended: suspendedOn, unknown },
  },
  clone: {
    from: ['stopped', 'crashed'],
    also: { from: ['running', 'paused'], needs: 'clone.running' },
    needs: 'clone',
    otherwise: { running: stopFirst, paused: pausedOff, suspended: suspendedOn, unknown },
  },
  'snapshot-create': {
    from: ['running', 'stopped', 'paused'],
    needs: 'snapshots',
    otherwise: { suspended: suspendedOn, crashed: 'It has crashed; stop it with force first.', unknown },
  },
  'snapshot-revert': {
    from: ['running', 'stopped', 'paused', 'crashed', 'suspended'],
    needs: 'snapshots',
    otherwise: { unknown },
  },
  'snapshot-delete': {
    from: ['running', 'stopped', 'paused', 'crashed', 'suspended'],
    needs: 'snapshots',
    otherwise: { unknown },
  },
  console: {
    from: ['running', 'paused'],
    needs: 'console.graphic',
    otherwise: { stopped: off, suspended, crashed: 'It has crashed; start it.', unknown },
  },
  'console-text': {
    from: ['running', 'paused'],
    needs: 'console.text',
    otherwise: { stopped: off, suspended, crashed: 'It has crashed; start it.', unknown },
  },
  metrics: {
    from: ['running', 'paused'],
    needs: 'metrics',
    otherwise: { stopped: off, suspended, crashed: 'It has crashed; start it.', unknown },
  },
  delete: {
    from: ['stopped', 'suspended', 'crashed'],
    otherwise: { running: stopFirst, paused: pausedOff, unknown },
  },
} as const satisfies Record<string, Rule>;

export type VmAction = keyof typeof vmActions;

export type Verdict = { allowed: true; already: boolean } | { allowed: false; reason: string };

/** What an action needs of a host beyond the core. */
export const needsOf = (action: VmAction): CapabilityRef | undefined => {
  const rule: Rule = vmActions[action];
  return rule.needs;
};

/** Whether `action` can be asked of a VM in `state`, on a host of these capabilities, and if not, what to do first. */
export function verdictOn(action: VmAction, state: VmState, capabilities?: Capabilities): Verdict {
  const rule: Rule = vmActions[action];
  if (rule.already === state) return { allowed: true, already: true };
  if (rule.from.includes(state)) return { allowed: true, already: false };
  const { also } = rule;
  if (also && capabilities && also.from.includes(state) && hasFeature(capabilities, also.needs))
    return { allowed: true, already: false };
  const reason = rule.otherwise[state] ?? unknown;
  // Another tool has paused it.
  const isInVain =
    reason.includes('resume it') && capabilities && lackOf(capabilities, needsOf('resume')!) !== undefined;
  return { allowed: false, reason: isInVain ? resumeThere : reason };
}
