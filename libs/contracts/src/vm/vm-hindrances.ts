import type { ProblemCode } from '../problem/problems.ts';
import type { VmAction } from './vm-actions.ts';
import type { DriverVm } from './vm.ts';

export interface Hindrance {
  readonly code: ProblemCode;
  readonly reason: string;
}

/** Actions that switch a VM off in their course, or need what it is to be at its next start. */
const endings: ReadonlySet<VmAction> = new Set([
  'stop',
  'stop-force',
  'restart',
  'restart-force',
  'suspend',
  'reconfigure',
  'clone',
  'snapshot-revert',
  'delete',
]);

/** Those of them that may be meant to end it for good. */
const mayGo: ReadonlySet<VmAction> = new Set(['stop', 'stop-force', 'delete']);

/** What would have it run. */
const starts: ReadonlySet<VmAction> = new Set([
  'start',
  'restart',
  'restart-force',
  'reset',
  'resume',
  'snapshot-revert',
]);

/** What is against an action in the VM itself, whatever state it is in; undefined when nothing is. */
export function hindranceTo(
  action: VmAction,
  { transient, display, serialPort, template }: Pick<DriverVm, 'transient' | 'display' | 'serialPort' | 'template'>,
): Hindrance | undefined {
  if (transient && endings.has(action))
    return {
      code: 'wrong-state',
      reason: `It is transient: its host forgets it as soon as it is off. Make it permanent on its host first${mayGo.has(action) ? ', or end it there if it may go' : ''}.`,
    };
  if (template && starts.has(action))
    return {
      code: 'wrong-state',
      reason: 'It is a template, which does not start: clone it, or make it an ordinary VM first.',
    };
  if (action === 'console' && display === false)
    return {
      code: 'host-rejected',
      reason: 'It has no display that a console could show. Give it one on its host first.',
    };
  if (action === 'console-text' && serialPort === false)
    return {
      code: 'host-rejected',
      reason: 'It has no serial port that a console could open. Give it one on its host first.',
    };
  return undefined;
}
