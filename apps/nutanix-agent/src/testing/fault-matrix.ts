import type { ProblemCode } from '@polyvirt/contracts';
import type { PrismDriverOptions } from '../prism.driver.ts';

/** How an operation has to end: as asked, or with one of these codes and nothing of it left. */
export type Ending = 'succeeds' | ProblemCode;

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below v3; `*` stands for one segment. */
  readonly path: string;
  /** How the operation ends when Prism always refuses this call. */
  readonly refused: Ending;
}

const call = (method: Call['method'], path: string, refused: Ending = 'host-rejected'): Call => ({
  method,
  path,
  refused,
});
const identifiers = call('POST', '/idempotence_identifiers');
const names = call('POST', '/vms/list');
const vm = call('GET', '/vms/*');
const task = call('GET', '/tasks/*');
/** What was wanted is true and can be seen, whether or not the task can be. */
const taskOfChange = call('GET', '/tasks/*', 'succeeds');
/** Some releases have no list of tasks. */
const tasks = call('POST', '/tasks/list', 'succeeds');
const points = call('POST', '/vm_recovery_points/list');

export interface Operation {
  /** The call that asks Prism for it, and the kind of its task. */
  readonly main: Omit<Call, 'refused'>;
  readonly task: string;
  /** What else it calls. */
  readonly others: readonly Call[];
  /**
   * When the answer to its main call was lost, it asks again for as long as the task holds the VM, and then finds it done; it
   * does not look at the task.
   */
  readonly asksAgain?: true;
}

/** The operations that faults are tried on. */
export const operations = {
  create: {
    main: call('POST', '/vms'),
    task: 'vm.create',
    others: [identifiers, names, call('POST', '/images/list'), call('POST', '/subnets/list'), vm, task],
  },
  start: { main: call('PUT', '/vms/*'), task: 'vm.update', others: [vm, taskOfChange] },
  stop: { main: call('PUT', '/vms/*'), task: 'vm.update', others: [vm, taskOfChange] },
  clone: {
    main: call('POST', '/vms/*/clone'),
    task: 'vm.clone',
    others: [identifiers, names, vm, tasks, task],
    asksAgain: true,
  },
  snapshot: {
    main: call('POST', '/vms/*/snapshot'),
    task: 'vm.snapshot',
    others: [identifiers, vm, points, call('POST', '/categories/*/list'), call('PUT', '/categories/*/*'), tasks, task],
    asksAgain: true,
  },
  delete: {
    main: call('DELETE', '/vms/*'),
    task: 'vm.delete',
    others: [vm, points, taskOfChange],
    asksAgain: true,
  },
} as const satisfies Record<string, Operation>;
export type OperationName = keyof typeof operations;

export interface FaultCase {
  readonly title: string;
  /**
   * Strikes the call that asks for the operation, that and all others it makes, the look at its task, the task, or the port that
   * Prism listens on.
   */
  readonly strikes: 'call' | 'every call' | 'look' | 'task' | 'port';
  readonly effect: Readonly<Record<string, unknown>>;
  /** Prism is away until its supervisor has started it again, which the driver has to outlast. */
  readonly dies?: true;
  /** The driver has to give up by itself: by the one patience that is short here. Every other is longer than any test. */
  readonly lasts?: Partial<PrismDriverOptions>;
  /** What befalls its task besides. */
  readonly task?: Readonly<Record<string, unknown>>;
  /** Strikes each call so often; without it always. */
  readonly count?: number;
  readonly ends: Ending;
  /** Operations that end otherwise. */
  readonly except?: Partial<Record<OperationName, Ending>>;
}

/** Shorter than a call or a task may take. */
const SLOW_MS = 150;

/** Calls that get no answer are given up when they were tried twice. */
const twoTries: Partial<PrismDriverOptions> = { tries: 2 };
/** For tasks that are not shown, or suspended. */
export const noPatience: Partial<PrismDriverOptions> = { tasks: { patienceMs: 0 } };

/** These are done when their task has failed half-way: what was wanted is true. */
const doneAllTheSame = { start: 'succeeds', stop: 'succeeds', delete: 'succeeds' } as const;

export const faultCases: readonly FaultCase[] = [
  { title: 'has closed its port', strikes: 'port', lasts: twoTries, effect: {}, ends: 'host-offline' },
  { title: 'opens its port', strikes: 'port', count: 1, effect: {}, ends: 'succeeds' },
  {
    title: 'refuses the connection once',
    strikes: 'every call',
    count: 1,
    effect: { kind: 'refuse' },
    ends: 'succeeds',
  },
  {
    title: 'refuses the connection',
    strikes: 'call',
    lasts: twoTries,
    effect: { kind: 'refuse' },
    ends: 'host-offline',
  },
  { title: 'hangs once', strikes: 'call', count: 1, effect: { kind: 'hang' }, ends: 'succeeds' },
  { title: 'hangs', strikes: 'call', lasts: twoTries, effect: { kind: 'hang' }, ends: 'timed-out' },
  { title: 'answers late', strikes: 'call', effect: { kind: 'slow', ms: SLOW_MS }, ends: 'succeeds' },
  { title: 'loses its answer once', strikes: 'every call', count: 1, effect: { kind: 'drop' }, ends: 'succeeds' },
  {
    title: 'loses the answer to a look at its task once',
    strikes: 'look',
    count: 1,
    effect: { kind: 'drop' },
    ends: 'succeeds',
  },
  { title: 'loses its answers', strikes: 'call', effect: { kind: 'drop' }, ends: 'succeeds' },
  {
    title: 'loses its answer once, and works on it for longer than it may hold the VM',
    strikes: 'call',
    task: { kind: 'taskSlow', ms: SLOW_MS },
    lasts: { busyMs: 0 },
    count: 1,
    effect: { kind: 'drop' },
    ends: 'succeeds',
  },
  { title: 'breaks off its answer once', strikes: 'every call', count: 1, effect: { kind: 'cut' }, ends: 'succeeds' },
  {
    title: 'breaks off the answer to a look at its task once',
    strikes: 'look',
    count: 1,
    effect: { kind: 'cut' },
    ends: 'succeeds',
  },
  { title: 'breaks off its answers', strikes: 'call', effect: { kind: 'cut' }, ends: 'succeeds' },
  { title: 'ends all sessions', strikes: 'every call', count: 1, effect: { kind: 'expire' }, ends: 'succeeds' },
  { title: 'refuses every session', strikes: 'call', effect: { kind: 'expire' }, ends: 'host-rejected' },
  { title: 'answers 403', strikes: 'call', effect: { kind: 'status', status: 403 }, ends: 'host-rejected' },
  {
    title: 'answers 403 to a look at its task once',
    strikes: 'look',
    count: 1,
    effect: { kind: 'status', status: 403 },
    ends: 'succeeds',
  },
  {
    title: 'answers 404',
    strikes: 'call',
    effect: { kind: 'status', status: 404 },
    ends: 'vm-not-found',
    // There is no VM yet that could be missing.
    except: { create: 'host-rejected' },
  },
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
    lasts: { busyMs: 0 },
    effect: { kind: 'status', status: 409, reason: 'CONCURRENT_REQUESTS_NOT_ALLOWED' },
    ends: 'vm-busy',
  },
  { title: 'answers 422', strikes: 'call', effect: { kind: 'status', status: 422 }, ends: 'host-rejected' },
  {
    title: 'answers 429 twice',
    strikes: 'every call',
    count: 2,
    effect: { kind: 'status', status: 429 },
    ends: 'succeeds',
  },
  {
    title: 'answers 429',
    strikes: 'call',
    lasts: twoTries,
    effect: { kind: 'status', status: 429 },
    ends: 'too-many-requests',
  },
  { title: 'answers 500', strikes: 'call', effect: { kind: 'status', status: 500 }, ends: 'host-rejected' },
  {
    title: 'answers 503 twice',
    strikes: 'every call',
    count: 2,
    effect: { kind: 'status', status: 503 },
    ends: 'succeeds',
  },
  {
    title: 'answers 503',
    strikes: 'call',
    lasts: twoTries,
    effect: { kind: 'status', status: 503 },
    ends: 'host-offline',
  },
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
  {
    title: 'lets the task run for ever',
    strikes: 'task',
    lasts: { tasks: { limitMs: 100 } },
    effect: { kind: 'taskStall' },
    ends: 'timed-out',
  },
  {
    title: 'suspends the task for ever',
    strikes: 'task',
    lasts: noPatience,
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
