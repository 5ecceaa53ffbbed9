import type { ProblemCode } from '@polyvirt/contracts';

/** The operations that faults are tried on, with the call that asks Prism for each and the kind of its task. */
export const operations = {
  create: { method: 'POST', path: '/api/nutanix/v3/vms', task: 'vm.create' },
  start: { method: 'PUT', path: '/api/nutanix/v3/vms/*', task: 'vm.update' },
  stop: { method: 'PUT', path: '/api/nutanix/v3/vms/*', task: 'vm.update' },
  clone: { method: 'POST', path: '/api/nutanix/v3/vms/*/clone', task: 'vm.clone' },
  snapshot: { method: 'POST', path: '/api/nutanix/v3/vms/*/snapshot', task: 'vm.snapshot' },
  delete: { method: 'DELETE', path: '/api/nutanix/v3/vms/*', task: 'vm.delete' },
} as const;
export type OperationName = keyof typeof operations;

/** How an operation has to end: as asked, or with one of these codes and nothing of it left. */
export type Ending = 'succeeds' | ProblemCode;

export interface FaultCase {
  readonly title: string;
  /** Strikes the call, or the task. */
  readonly strikes: 'call' | 'task';
  readonly effect: Readonly<Record<string, unknown>>;
  /** Prism is away until its supervisor has started it again, which the driver has to outlast. */
  readonly dies?: true;
  /** Strikes so often; without it always. */
  readonly count?: number;
  readonly ends: Ending;
  /** Operations that end otherwise. */
  readonly except?: Partial<Record<OperationName, Ending>>;
}

/** Longer than a call may take in the matrix, and shorter than the longest a task may. */
export const SLOW_MS = 150;

/** These are done when their task has failed half-way: what was wanted is true. */
const doneAllTheSame = { start: 'succeeds', stop: 'succeeds', delete: 'succeeds' } as const;

export const faultCases: readonly FaultCase[] = [
  { title: 'refuses the connection once', strikes: 'call', count: 1, effect: { kind: 'refuse' }, ends: 'succeeds' },
  { title: 'refuses the connection', strikes: 'call', effect: { kind: 'refuse' }, ends: 'host-offline' },
  { title: 'hangs once', strikes: 'call', count: 1, effect: { kind: 'hang' }, ends: 'succeeds' },
  { title: 'hangs', strikes: 'call', effect: { kind: 'hang' }, ends: 'timed-out' },
  { title: 'answers late', strikes: 'call', effect: { kind: 'slow', ms: SLOW_MS }, ends: 'succeeds' },
  { title: 'loses its answer once', strikes: 'call', count: 1, effect: { kind: 'drop' }, ends: 'succeeds' },
  { title: 'loses its answers', strikes: 'call', effect: { kind: 'drop' }, ends: 'succeeds' },
  { title: 'breaks off its answer once', strikes: 'call', count: 1, effect: { kind: 'cut' }, ends: 'succeeds' },
  { title: 'breaks off its answers', strikes: 'call', effect: { kind: 'cut' }, ends: 'succeeds' },
  { title: 'ends all sessions', strikes: 'call', count: 1, effect: { kind: 'expire' }, ends: 'succeeds' },
  { title: 'refuses every session', strikes: 'call', effect: { kind: 'expire' }, ends: 'host-rejected' },
  { title: 'answers 403', strikes: 'call', effect: { kind: 'status', status: 403 }, ends: 'host-rejected' },
  {
    title: 'answers 409 twice',
    strikes: 'call',
    count: 2,
    effect: { kind: 'status', status: 409, reason: 'CONCURRENT_REQUESTS_NOT_ALLOWED' },
    ends: 'succeeds',
  },
  {
    title: 'answers 409',
    strikes: 'call',
    effect: { kind: 'status', status: 409, reason: 'CONCURRENT_REQUESTS_NOT_ALLOWED' },
    ends: 'vm-busy',
  },
  { title: 'answers 422', strikes: 'call', effect: { kind: 'status', status: 422 }, ends: 'host-rejected' },
  { title: 'answers 429 twice', strikes: 'call', count: 2, effect: { kind: 'status', status: 429 }, ends: 'succeeds' },
  { title: 'answers 429', strikes: 'call', effect: { kind: 'status', status: 429 }, ends: 'too-many-requests' },
  { title: 'answers 500', strikes: 'call', effect: { kind: 'status', status: 500 }, ends: 'host-rejected' },
  { title: 'answers 503 twice', strikes: 'call', count: 2, effect: { kind: 'status', status: 503 }, ends: 'succeeds' },
  { title: 'answers 503', strikes: 'call', effect: { kind: 'status', status: 503 }, ends: 'host-offline' },
  {
    title: 'says ERROR in a 200',
    strikes: 'call',
    effect: {
      kind: 'status',
      status: 200,
      body: { state: 'ERROR', code: 422, message_list: [{ message: 'No.', reason: 'INVALID_REQUEST' }] },
    },
    ends: 'host-rejected',
  },
  {
    title: 'dies before it takes the call',
    dies: true,
    strikes: 'call',
    count: 1,
    effect: { kind: 'crash', when: 'before' },
    ends: 'succeeds',
  },
  {
    title: 'dies before it answers',
    dies: true,
    strikes: 'call',
    count: 1,
    effect: { kind: 'crash', when: 'after' },
    ends: 'succeeds',
  },
  { title: 'fails the task', strikes: 'task', effect: { kind: 'taskFail' }, ends: 'host-rejected' },
  {
    title: 'has no room',
    strikes: 'task',
    effect: { kind: 'taskFail', detail: 'NoHostResources: No host has enough available memory for VM.' },
    ends: 'insufficient-capacity',
  },
  { title: 'aborts the task', strikes: 'task', effect: { kind: 'taskAbort' }, ends: 'host-rejected' },
  { title: 'lets the task run for ever', strikes: 'task', effect: { kind: 'taskStall' }, ends: 'timed-out' },
  {
    title: 'suspends the task for ever',
    strikes: 'task',
    effect: { kind: 'taskStall', status: 'SUSPENDED' },
    ends: 'host-rejected',
  },
  {
    title: 'does it and fails the task',
    strikes: 'task',
    effect: { kind: 'taskHalf' },
    ends: 'host-rejected',
    except: doneAllTheSame,
  },
  { title: 'takes its time', strikes: 'task', effect: { kind: 'taskSlow', ms: SLOW_MS }, ends: 'succeeds' },
  {
    title: 'dies in the middle of the task',
    dies: true,
    strikes: 'task',
    count: 1,
    effect: { kind: 'taskCrash' },
    ends: 'succeeds',
  },
];
