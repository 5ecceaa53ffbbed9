import { ProblemError, type ProblemCode } from '@polyvirt/contracts';
import { DeadlineError, MissingProgramError } from './run-program.ts';

/** A call of a VMware program that did not succeed. */
export class VmwareError extends Error {
  override readonly name = 'VmwareError';

  constructor(
    /** Program and command, without parameters: `vmrun start`. */
    readonly call: string,
    /** What the program said, without `Error: `. */
    readonly said: string,
    /** Whether it was killed before it could say anything. */
    readonly wasKilled = false,
  ) {
    super(`${call}: ${said}`);
  }
}

/** A call that did not answer by its deadline. */
export class CallDeadlineError extends Error {
  override readonly name = 'CallDeadlineError';

  constructor(
    readonly call: string,
    readonly seconds: number,
  ) {
    super(`${call} did not answer within ${seconds} s`);
  }
}

interface Rule {
  readonly pattern: RegExp;
  readonly code: ProblemCode;
  /** What to do about it. */
  readonly wayOut: string;
  /** Whether it usually goes away by itself within seconds. */
  readonly passes?: true;
}

const window =
  'Close its tab in the Workstation window, or end whatever else has it open; all of it must run as the same user as this agent.';

const notPoweredOn = /not powered on/i;
const blocked = /blocked waiting for a user operation/i;
const unsupported = /not supported for the specified parameters/i;
const busy = /already in progress|handle is executing another function|disks are busy/i;

/** Texts of vmrun and vmware-vdiskmanager, and what they mean to a caller. The first that matches counts. */
const rules: readonly Rule[] = [
  {
    pattern: /password is required|Incorrect password|Authentication for encrypted|Missing decryption key/i,
    code: 'host-rejected',
    wayOut: 'It is encrypted, and this agent keeps no passwords of VMs. Use it in the Workstation window.',
  },
  {
    pattern: /virtual machine cannot be found/i,
    code: 'vm-not-found',
    wayOut: 'Its .vmx file is gone.',
  },
  {
    pattern: /Cannot read the virtual machine configuration file/i,
    code: 'host-rejected',
    wayOut: 'Look for a damaged line or a key that stands twice in its .vmx file.',
    passes: true,
  },
  { pattern: notPoweredOn, code: 'wrong-state', wayOut: 'Start it first.' },
  {
    pattern: /Tools are not running|Cannot execute scripts|waiting for VMware Tools/i,
    code: 'wrong-state',
    wayOut: 'Install VMware Tools or open-vm-tools in the guest and wait until it has booted, or use force.',
    passes: true,
  },
  {
    pattern: /should not be powered on|already running/i,
    code: 'wrong-state',
    wayOut: 'Stop it first. Of a snapshot: it holds memory, and only one taken while the VM was off can be cloned.',
  },
  { pattern: /VM is in use|file is already in use|appears to be in use/i, code: 'wrong-state', wayOut: window },
  {
    pattern: busy,
    code: 'vm-busy',
    wayOut: 'Something else is changing it. Try again when that has ended.',
    passes: true,
  },
  { pattern: /snapshot with the name already exists/i, code: 'name-taken', wayOut: 'Choose another name.' },
  {
    pattern: /Invalid snapshot name|snapshot does not exist|No such snapshot/i,
    code: 'snapshot-not-found',
    wayOut: 'List its snapshots.',
  },
  {
    pattern: /does not uniquely identify/i,
    code: 'host-rejected',
    wayOut: 'Several of its snapshots have that name. Rename them in the Workstation window.',
  },
  {
    pattern: /disk is full|Insufficient disk space|no space left|0xc000000008|\(0x8\)/i,
    code: 'insufficient-capacity',
    wayOut: 'Free space on the disk of the VM folder.',
  },
  {
    pattern: /Not enough physical memory|Out of memory/i,
    code: 'insufficient-capacity',
    wayOut: 'Stop other VMs, or give this one less memory.',
  },
  {
    pattern: blocked,
    code: 'host-rejected',
    wayOut: 'It asks a question. Open it in the Workstation window and answer.',
  },
  {
    pattern: /Insufficient permissions|access rights|write-protected|file access error/i,
    code: 'host-rejected',
    wayOut: 'The agent must run as the user who owns the VM folder and runs Workstation.',
  },
  {
    pattern: /current license|was specified, but not installed/i,
    code: 'capability-missing',
    wayOut: 'It needs Workstation Pro.',
  },
  {
    pattern: unsupported,
    code: 'host-rejected',
    wayOut: 'Try again; when it stays so, try the same in the Workstation window, which tells more.',
    passes: true,
  },
  {
    pattern: /parameters was invalid|operation is not supported/i,
    code: 'host-rejected',
    wayOut: 'This product, or a VM in this state, cannot do it.',
  },
  {
    pattern: /operation was canceled|could not start|Unknown error/i,
    code: 'host-rejected',
    wayOut: 'The reason is at the end of vmware.log in the folder of the VM, if it got that far.',
  },
  {
    pattern: /Unable to connect|version was not found|unable to start/i,
    code: 'host-offline',
    wayOut: 'Start Workstation once by hand and look whether its modules and services are in order.',
    passes: true,
  },
  {
    pattern: /needs repair|0x3e86/i,
    code: 'host-rejected',
    wayOut: 'Repair the disk: vmware-vdiskmanager -R.',
  },
  {
    pattern: /parent of this virtual disk|0x3e8c/i,
    code: 'host-rejected',
    wayOut: 'The disk it stands on is gone or has changed. Restore it from a backup.',
  },
];

const ruleFor = (said: string) => rules.find(({ pattern }) => pattern.test(said));

/** Whether the same call may succeed when it is made again in a moment. */
export const passes = (error: unknown): boolean =>
  error instanceof VmwareError && (error.wasKilled || ruleFor(error.said)?.passes === true);

/** For who can do without an answer of a program of VMware's. Throws what is no failure of its. */
export function unlessUnanswered(error: unknown): void {
  const kinds = [VmwareError, CallDeadlineError, MissingProgramError, ProblemError];
  if (!kinds.some((kind) => error instanceof kind)) throw error;
}

/** Whether vmrun says that the machine is off. */
export const isNotPoweredOn = (error: unknown): boolean =>
  error instanceof VmwareError && notPoweredOn.test(error.said);

/** Whether vmrun says that the machine asks a question. */
export const isBlocked = (error: unknown): boolean => error instanceof VmwareError && blocked.test(error.said);

/** Whether vmrun says that it does not do this here, which may pass or not. */
export const isUnsupported = (error: unknown): boolean => error instanceof VmwareError && unsupported.test(error.said);

/** Whether vmrun says that something else works on the machine. */
export const isBusy = (error: unknown): boolean => error instanceof VmwareError && busy.test(error.said);

/** What escaped from a call, as a problem. Anything that is not VMware's passes through. */
export function toProblem(error: unknown): unknown {
  if (error instanceof CallDeadlineError)
    return new ProblemError(
      'timed-out',
      `${error.message}, and was ended. What it began may still come about. A question that nobody sees is the usual reason: open the VM in the Workstation window.`,
      { cause: error },
    );
  if (error instanceof MissingProgramError)
    return new ProblemError(
      'host-offline',
      'VMware Workstation is not where it was: one of its programs cannot be run. Install it, or set POLYVIRT_VMRUN_PATH.',
      { cause: error },
    );
  if (error instanceof DeadlineError)
    return new ProblemError('timed-out', 'A program of the host did not answer in time.', { cause: error });
  if (error instanceof VmwareError) {
    const rule = ruleFor(error.said);
    const said = error.message.replace(/\.?$/, '.');
    const wayOut = rule?.wayOut ?? 'Try the same in the Workstation window, which tells more.';
    return new ProblemError(rule?.code ?? 'host-rejected', `${said} ${wayOut}`, { cause: error });
  }
  return fromFileSystem(error);
}

const byErrno: Readonly<Record<string, readonly [ProblemCode, string]>> = {
  ENOSPC: ['insufficient-capacity', 'The disk of the VM folder is full. Free some space.'],
  EDQUOT: ['insufficient-capacity', 'The quota of the VM folder is used up. Free some space.'],
  EACCES: ['host-rejected', 'The agent may not use a file of the VM. It must run as the user who owns the VM folder.'],
  EPERM: ['host-rejected', 'The agent may not use a file of the VM. It must run as the user who owns the VM folder.'],
  EROFS: ['host-rejected', 'The VM folder is on a file system that is read-only.'],
  EIO: ['host-rejected', 'A file of the VM cannot be read. Look at the disk or the network share that it lies on.'],
  ESTALE: ['host-rejected', 'A file of the VM cannot be read. Look at the network share that it lies on.'],
  ELOOP: ['host-rejected', 'A file of the VM is a symbolic link that leads to itself. Mend or remove the link.'],
  EISDIR: ['host-rejected', 'A folder is in the place of a file of the VM. Move it away.'],
  EBUSY: ['host-rejected', 'A file of the VM is in use by another program. Close that and try again.'],
};

function fromFileSystem(error: unknown): unknown {
  const { code, path } = error as NodeJS.ErrnoException;
  const known = byErrno[code ?? ''];
  if (!known) return error;
  const [problem, sentence] = known;
  // By its name where the file system tells it.
  const detail = path === undefined ? sentence : sentence.replace(/a file of the VM/i, path);
  return new ProblemError(problem, detail, { cause: error });
}
