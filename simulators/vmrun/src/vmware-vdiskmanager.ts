import { printBytes, printLines } from './command-line/output.ts';
import { runProgram } from './command-line/program.ts';
import { DiskError } from './disks/disk-error.ts';
import type { Session } from './host/session.ts';
import { FaultPlan } from './knobs/fault-plan.ts';
import type { Fault } from './knobs/fault.ts';
import { parseDiskArguments, type DiskRequest } from './vdiskmanager/arguments.ts';
import { diskHelp } from './vdiskmanager/help.ts';
import { DiskFailure, performDiskOperation } from './vdiskmanager/operations.ts';

/** The whole of `vmware-vdiskmanager`. */
export function main(argv: string[]): Promise<void> {
  return runProgram(async (session) => {
    const { knobs } = session;
    const request = parseDiskArguments(argv);
    if ('invalid' in request) {
      await printLines([`vmware-vdiskmanager: invalid option -- ${request.invalid}`, ...diskHelp(knobs)], knobs);
      return knobs.diskFailureExit;
    }
    if (request.operation === '' || request.disks.length === 0) {
      await printLines(diskHelp(knobs), knobs);
      return knobs.diskFailureExit;
    }
    try {
      await operate(session, request);
      return 0;
    } catch (cause) {
      await printLines([sentenceOf(cause)], knobs);
      return exitOf(cause, knobs.diskFailureExit);
    }
  });
}

async function operate(session: Session, request: DiskRequest): Promise<void> {
  const { knobs, paths, clock } = session;
  const name = `vmware-vdiskmanager ${request.operation}`;
  const disks = request.disks.flatMap((disk) => [disk, paths.local(disk)]);
  const faults = new FaultPlan(session, name, disks, { refusalOf: failureOf });
  await clock.pass(knobs.latencyMs[name] ?? knobs.latencyMs['*'] ?? 0);
  await faults.reach('before');
  const report = await performDiskOperation(session, request, () => faults.reach('halfway'));
  await faults.reach('halfway');
  await faults.reach('after');
  if (report.progress !== undefined && !request.isQuiet) await printProgress(session, report.progress);
  await printLines(report.lines, knobs);
}

/** Progress overwrites itself on one line. */
async function printProgress({ knobs }: Session, word: string): Promise<void> {
  const steps = [0, 50, 100].map((percent) => `\r  ${word}: ${percent}% done.`).join('');
  await printBytes(steps + (knobs.style === 'windows' ? '\r\n' : '\n'));
}

class InjectedFailure extends DiskFailure {
  readonly exit: number | undefined;

  constructor(sentence: string, exit: number | undefined) {
    super(sentence);
    this.exit = exit;
  }
}

function failureOf(fault: Fault): Error {
  const full = new DiskError('disk-full', '');
  if (fault.kind === 'disk-full') return new DiskFailure(`Failed to create disk: ${full.withCode}.`);
  const lines = fault.text ?? 'Failed to open the disk: Unknown error (0x1).';
  return new InjectedFailure(typeof lines === 'string' ? lines : lines.join('\n'), fault.exit);
}

function sentenceOf(cause: unknown): string {
  if (cause instanceof DiskFailure) return cause.message;
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === undefined) throw cause;
  const reason = code === 'ENOSPC' ? 'disk-full' : 'access-error';
  return `Failed to create disk: ${new DiskError(reason, '').withCode}.`;
}

const exitOf = (cause: unknown, usual: number) => (cause instanceof InjectedFailure ? cause.exit : undefined) ?? usual;
