import { matchesGlob } from './glob.ts';
import { ERRORS, type ErrorName } from '../command-line/errors.ts';

const KINDS = ['refuse', 'disk-full', 'hang', 'slow', 'die', 'hold-pipes'] as const;
const MOMENTS = ['before', 'halfway', 'after'] as const;

export type FaultKind = (typeof KINDS)[number];
export type Moment = (typeof MOMENTS)[number];

/** One thing that goes wrong, and for whom. */
export interface Fault {
  kind: FaultKind;
  /** Command name or pattern; `vmware-vdiskmanager -c` and `vmcli power` for the other programs. */
  command: string;
  /** Pattern for the .vmx or disk path. */
  vmx: string;
  /** Before anything is done, in the middle of the work, or when all is done. */
  at: Moment;
  /** How many matching calls pass unharmed first. */
  after: number;
  /** How many calls are hit, then no more. */
  times: number;
  /** Lines printed by `refuse`, as they are. */
  text?: string | string[];
  /** A named error instead of `text`. */
  error?: ErrorName;
  exit?: number;
  delayMs: number;
}

const USUAL_MOMENT: Record<FaultKind, Moment> = {
  refuse: 'before',
  'disk-full': 'halfway',
  hang: 'before',
  slow: 'before',
  die: 'halfway',
  'hold-pipes': 'after',
};

/** The fault with its defaults, or what is wrong with it. */
export function readFault(value: unknown): Fault | string {
  if (typeof value !== 'object' || value === null) return 'must be an object';
  const given = value as Record<string, unknown>;
  const known = ['kind', 'command', 'vmx', 'at', 'after', 'times', 'text', 'error', 'exit', 'delayMs'];
  const unknown = Object.keys(given).filter((key) => !known.includes(key));
  if (unknown.length > 0) return `unknown key ${unknown.join(', ')}`;
  const kind = given['kind'] as FaultKind;
  if (!KINDS.includes(kind)) return `kind must be one of ${KINDS.join(', ')}`;
  if (given['at'] !== undefined && !MOMENTS.includes(given['at'] as Moment)) {
    return `at must be one of ${MOMENTS.join(', ')}`;
  }
  if (given['error'] !== undefined && !((given['error'] as string) in ERRORS)) {
    return `error must be one of ${Object.keys(ERRORS).join(', ')}`;
  }
  for (const key of ['after', 'times', 'exit', 'delayMs']) {
    if (given[key] !== undefined && !Number.isFinite(given[key])) return `${key} must be a number`;
  }
  return {
    command: '*',
    vmx: '*',
    at: USUAL_MOMENT[kind],
    after: 0,
    times: Infinity,
    delayMs: 5000,
    ...(given as object),
    kind,
  };
}

/** True when the fault is meant for a call of this command on one of these paths. */
export function isMeantFor(fault: Fault, command: string, paths: string[]): boolean {
  if (!matchesGlob(fault.command, command)) return false;
  return fault.vmx === '*' || paths.some((path) => matchesGlob(fault.vmx, path));
}
