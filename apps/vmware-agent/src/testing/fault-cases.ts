import type { ProblemCode } from '@polyvirt/contracts';
import type { Knobs } from './simulated-workstation.ts';

/** What is asked of the driver while the simulator misbehaves. */
export const faultyActs = ['create', 'start', 'stop', 'clone', 'snapshot', 'delete'] as const;
export type FaultyAct = (typeof faultyActs)[number];

/** The call of the product that carries an act out. */
export const callOf: Readonly<Record<FaultyAct, string>> = {
  create: 'vmware-vdiskmanager -c',
  start: 'start',
  stop: 'stop',
  clone: 'clone',
  snapshot: 'snapshot',
  delete: 'deleteVM',
};

export interface FaultCase {
  readonly title: string;
  /** Fault of the simulator; the command is filled in. */
  readonly fault: Readonly<Record<string, unknown>>;
  /** Acts it is tried on; all when absent. */
  readonly acts?: readonly FaultyAct[];
  /** What else is as it should not be. */
  readonly knobs?: Knobs;
  /** Whether the call runs out of time: its deadline falls when it has been struck. */
  readonly isLate?: true;
  /** How it ends: as asked, or with one of these problems. */
  readonly ends: 'well' | readonly ProblemCode[];
  /** Acts that end otherwise. */
  readonly except?: Readonly<Partial<Record<FaultyAct, 'well' | readonly ProblemCode[]>>>;
  /** What the detail of the problem has to say. */
  readonly says?: RegExp;
}

const always = { times: 1_000 };
const once = { times: 1 };

/** Longer than a call takes whose deadline the test lets fall. */
export const muchLaterMs = 60_000;
const muchLater = { delayMs: muchLaterMs };

/** What Workstation prints is read in one place for all calls, so two acts each have to do. */
const texts: readonly FaultCase[] = [
  {
    title: 'a refusal for want of rights',
    fault: { kind: 'refuse', text: 'Error: Insufficient permissions in the host operating system', ...always },
    acts: ['start', 'create'],
    ends: ['host-rejected'],
    says: /user who owns/,
  },
  {
    title: 'a file that is in use',
    fault: { kind: 'refuse', text: 'Error: The file is already in use', ...always },
    acts: ['start', 'clone'],
    ends: ['wrong-state'],
    says: /window/,
  },
  {
    title: 'a refusal in a language we do not read',
    fault: { kind: 'refuse', text: 'Error: Der Vorgang wurde abgebrochen', ...always },
    acts: ['snapshot', 'delete'],
    ends: ['host-rejected'],
    says: /Der Vorgang wurde abgebrochen.*Workstation window/,
  },
  {
    title: 'a refusal with an exit code of success',
    fault: { kind: 'refuse', error: 'invalid-parameter', ...always },
    knobs: { failureExit: 0 },
    acts: ['start', 'stop', 'delete'],
    ends: ['host-rejected'],
    says: /parameters was invalid/,
  },
  {
    title: 'a failure of vmware-vdiskmanager with another exit code',
    fault: { kind: 'refuse', text: 'Something is wrong', ...always },
    knobs: { diskFailureExit: 7 },
    acts: ['create'],
    ends: ['host-rejected'],
    says: /Something is wrong/,
  },
];

/** Killing vmrun need not end what the product does for it. */
const goesOn = { killedCall: 'goes-on' };

/** Faults that can strike any call. */
export const callFaults: readonly FaultCase[] = [
  {
    title: 'a refusal that passes',
    fault: { kind: 'refuse', error: 'not-supported-for-parameters', times: 2 },
    ends: 'well',
    // vdiskmanager prints a refusal of its own, which nothing says would pass.
    except: { create: ['host-rejected'] },
  },
  {
    title: 'a refusal that stays',
    fault: { kind: 'refuse', error: 'not-supported-for-parameters', ...always },
    ends: ['host-rejected'],
    says: /Try again|Workstation window|vmware.log/,
  },
  ...texts,
  {
    title: 'a failure that it tells although it has done its work',
    fault: { kind: 'refuse', at: 'after', text: 'Error: Unknown error', ...once },
    ends: 'well',
    // Whether a copy is complete cannot be seen, so it is taken back.
    except: { create: ['host-rejected'], clone: ['host-rejected'] },
  },
  {
    title: 'a full disk',
    fault: { kind: 'disk-full', ...always },
    ends: ['insufficient-capacity'],
    // What was half deleted is deleted to its end.
    except: { delete: 'well' },
    says: /Free space/,
  },
  {
    title: 'a call that never answers',
    fault: { kind: 'hang', ...always },
    isLate: true,
    ends: ['timed-out'],
    says: /did not answer/,
  },
  {
    title: 'a call that hangs half-way',
    fault: { kind: 'hang', at: 'halfway', ...always },
    isLate: true,
    // Power is not half on.
    acts: ['create', 'clone', 'snapshot', 'delete'],
    ends: ['timed-out'],
    except: { delete: 'well' },
    says: /did not answer/,
  },
  {
    title: 'a call that has done its work and hangs',
    fault: { kind: 'hang', at: 'after', ...once },
    isLate: true,
    ends: 'well',
    except: { create: ['timed-out'], clone: ['timed-out'] },
  },
  {
    title: 'a call that takes longer than it may',
    fault: { kind: 'slow', at: 'halfway', ...muchLater, ...once },
    isLate: true,
    acts: ['clone', 'snapshot'],
    ends: ['timed-out'],
    says: /did not answer/,
  },
  ...(['before', 'halfway'] as const).map((at): FaultCase => ({
    title: `a call that never answers, while its work goes on from ${at === 'before' ? 'the beginning' : 'half-way'}`,
    fault: { kind: 'hang', at, ...muchLater, ...once },
    knobs: goesOn,
    isLate: true,
    acts: ['clone', 'snapshot'],
    ends: ['timed-out'],
    says: /did not answer/,
  })),
  {
    title: 'a call that takes longer than it may, while its work goes on',
    fault: { kind: 'slow', at: 'halfway', ...muchLater, ...once },
    knobs: goesOn,
    isLate: true,
    acts: ['clone', 'snapshot'],
    ends: ['timed-out'],
    says: /did not answer/,
  },
  { title: 'a slow call', fault: { kind: 'slow', delayMs: 600, ...always }, ends: 'well' },
  { title: 'a call that dies half-way, once', fault: { kind: 'die', ...once }, ends: 'well' },
  {
    title: 'a call that dies half-way, always',
    fault: { kind: 'die', ...always },
    ends: ['host-rejected'],
    except: { delete: 'well' },
    says: /was killed/,
  },
  { title: 'a child that holds the pipes', fault: { kind: 'hold-pipes', delayMs: 3_000, ...always }, ends: 'well' },
];

export interface KnobCase {
  readonly title: string;
  readonly knobs: Knobs;
  /** Network that a VM is made on. */
  readonly network?: string;
  /** Whether a call runs out of time. */
  readonly isLate?: true;
  readonly ends: Readonly<Partial<Record<FaultyAct, 'well' | readonly ProblemCode[]>>>;
  readonly says?: RegExp;
}

/** Faults of a machine or of the product. What an act is not named with is not tried. */
export const knobCases: readonly KnobCase[] = [
  {
    title: 'a question at power-on that nobody sees',
    knobs: { pendingQuestion: 'yes', question: 'hang' },
    isLate: true,
    ends: { start: ['host-rejected'] },
    says: /asks a question.*answer/,
  },
  {
    title: 'a question at power-on that is told',
    knobs: { pendingQuestion: 'yes', question: 'blocked-text' },
    ends: { start: ['host-rejected'] },
    says: /question.*answer/,
  },
  {
    title: 'a question at power-on that cancels it',
    knobs: { pendingQuestion: 'yes', question: 'canceled' },
    ends: { start: ['host-rejected'] },
    says: /This virtual machine asks a question/,
  },
  {
    title: 'a question that is not even listed',
    knobs: { pendingQuestion: 'yes', question: 'hang', questionListed: 'no' },
    isLate: true,
    ends: { start: ['host-rejected'] },
    says: /asks a question/,
  },
  ...(['yes', 'no'] as const).map((questionListed): KnobCase => ({
    title: `a question that no log tells of, ${questionListed === 'yes' ? 'listed' : 'not even listed'}`,
    knobs: { pendingQuestion: 'yes', question: 'hang', questionLog: 'silent', questionListed },
    isLate: true,
    ends: { start: ['host-rejected'] },
    says: /asks a question.*answer/,
  })),
  {
    title: 'a question that is told by vmrun only',
    knobs: { pendingQuestion: 'yes', question: 'blocked-text', questionLog: 'silent' },
    ends: { start: ['host-rejected'] },
    says: /asks a question.*answer/,
  },
  {
    title: 'a window of somebody else',
    knobs: { openInGui: 'yes' },
    ends: { start: ['wrong-state'], delete: ['wrong-state'] },
    says: /window/,
  },
  {
    title: 'a VM that is encrypted without a sign in its file',
    knobs: { vmPassword: 'secret' },
    ends: {
      start: ['host-rejected'],
      clone: ['host-rejected'],
      snapshot: ['host-rejected'],
      delete: ['host-rejected'],
    },
    says: /encrypted/,
  },
  {
    title: 'hardware that is too new',
    knobs: { maxHardwareVersion: 7 },
    ends: { start: ['host-rejected'] },
    says: /hardware version/,
  },
  {
    title: 'a list that lags',
    knobs: { listLagMs: 700 },
    ends: { create: 'well', start: 'well', stop: 'well', clone: 'well' },
  },
  {
    title: 'a log line before any output, Windows line ends and another spelling',
    knobs: {
      style: 'windows',
      preamble: '2015-08-31T17:57:29.547| ServiceImpl_Opener: PID 5033',
      notPoweredOnText: 'short',
    },
    ends: { create: 'well', start: 'well', stop: 'well', clone: 'well', snapshot: 'well', delete: 'well' },
  },
  { title: 'a folder that deleteVM takes along', knobs: { deleteVmFolder: 'removed' }, ends: { delete: 'well' } },
  { title: 'a clone that makes no folder', knobs: { cloneMakesFolder: 'no' }, ends: { clone: 'well' } },
  {
    title: 'a VM that leaves its locks behind',
    knobs: { leavesLocks: 'yes' },
    ends: { stop: 'well', start: 'well', snapshot: 'well' },
  },
  {
    title: 'network and adapter commands that are not known',
    knobs: { networkAdapterCommands: 'unrecognized' },
    network: 'vmnet8',
    ends: { create: 'well' },
  },
];
