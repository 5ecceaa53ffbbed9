import { basename, dirname } from 'node:path';
import { ProblemError } from '@polyvirt/contracts';
import { hostProcesses, isAlive, type HostProcess } from '../host/processes.ts';
import { CallSlots, Queues } from './call-slots.ts';
import { findPrograms, type Platform, type Programs } from './installation.ts';
import { LateEffects } from './late-effects.ts';
import { failureOf, linesOf } from './output.ts';
import { DeadlineError, MissingProgramError, runProgram, type ProgramResult } from './run-program.ts';
import { machineTimer, type Timer } from './timer.ts';
import { CallDeadlineError, isBusy, VmwareError } from './vmrun.problems.ts';

/** How long a call may take, in milliseconds. */
export interface CallDeadlines {
  /** Whatever only looks. */
  readonly look: number;
  readonly power: number;
  /** Memory to disk and back: suspend, snapshot, revert. */
  readonly state: number;
  /** Disks: create, copy, merge, clone, delete. */
  readonly disk: number;
}

export const usualDeadlines: CallDeadlines = { look: 20_000, power: 240_000, state: 1_500_000, disk: 3_400_000 };

export interface VmrunOptions {
  readonly platform: Platform;
  /** Path of vmrun, when it is not where it usually is. */
  readonly vmrunPath?: string | undefined;
  readonly deadlines: CallDeadlines;
  /** Calls at once. */
  readonly maxCalls: number;
  /** Encoding of the output where it is not UTF-8. */
  readonly codePage: string;
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly timer?: Timer | undefined;
}

export type Change = {
  readonly deadline: Exclude<keyof CallDeadlines, 'look'>;
  readonly signal?: AbortSignal | undefined;
};

interface Circumstances {
  readonly signal?: AbortSignal | undefined;
  /** Called when the call ends before it says what became of it, or because another one still goes on. */
  readonly lost?: () => void;
}

const LOOK_FOR_ORPHANS_MS = 200;

/**
 * The programs of VMware Workstation. Every call has a deadline, takes one of a bounded number of slots, and throws
 * `VmwareError` with what the program said. Changes of one machine are made one after the other.
 */
export class Vmrun {
  readonly #options: VmrunOptions;
  readonly #slots: CallSlots;
  readonly #queues = new Queues();
  readonly #late: LateEffects;
  #programs: Promise<Programs> | undefined;
  #hostType: 'ws' | 'player' | 'fusion';
  #orphans: Promise<HostProcess[]> | undefined;
  /** Calls of vmrun that change something and have not ended. */
  #changing = 0;
  #changedAt = -Infinity;

  constructor(options: VmrunOptions) {
    this.#options = options;
    this.#slots = new CallSlots(options.maxCalls);
    this.#late = new LateEffects(this.timer);
    this.#hostType = options.platform === 'macos' ? 'fusion' : 'ws';
  }

  /** Encoding of what does not say in which it is. */
  get codePage(): string {
    return this.#options.codePage;
  }

  get timer(): Timer {
    return this.#options.timer ?? machineTimer;
  }

  get platform(): Platform {
    return this.#options.platform;
  }

  /** `player` once the product has said that it is no Workstation. */
  get hostType(): 'ws' | 'player' | 'fusion' {
    return this.#hostType;
  }

  /** Throws `host-offline` when the product is not installed. */
  programs(): Promise<Programs> {
    this.#programs ??= findPrograms(this.#options.platform, this.#options.vmrunPath);
    // Asked for again next time: it may be installed meanwhile.
    this.#programs.catch(() => (this.#programs = undefined));
    return this.#programs;
  }

  /** A command that only looks; the lines it prints. */
  async look(args: readonly string[], signal?: AbortSignal): Promise<string[]> {
    const { vmrun } = await this.programs();
    const call = () => this.#call(vmrun, ['-T', this.#hostType, ...args], 'look', { signal });
    try {
      return await call();
    } catch (error) {
      if (!this.#isOtherProduct(error)) throw error;
      this.#hostType = 'player';
      return call();
    }
  }

  /** A command that changes the machine; it waits for its turn on the keys, which are paths of .vmx files. */
  change(args: readonly string[], { deadline, signal }: Change): Promise<void> {
    return this.run((programs) => programs.vmrun, ['-T', this.#hostType, ...args], { deadline, signal });
  }

  /** Whether no call of this agent was on its way since then that may have turned a VM on or off. */
  isUnchangedSince(time: number): boolean {
    return this.#changing === 0 && this.#changedAt < time;
  }

  /** A disk operation. */
  disk(args: readonly string[], change: Change): Promise<void> {
    return this.run((programs) => programs.diskManager, ['-q', ...args], change);
  }

  /** What `vmcli` prints, or undefined where there is none. */
  async cli(args: readonly string[], signal?: AbortSignal): Promise<string[] | undefined> {
    const { vmcli } = await this.programs();
    return vmcli === undefined ? undefined : this.#call(vmcli, args, 'look', { signal });
  }

  /** The line in which the product says its version, or undefined where it has no such program. */
  async productLines(signal?: AbortSignal): Promise<string[] | undefined> {
    const { vmware } = await this.programs();
    if (vmware === undefined) return undefined;
    const { stdout } = await this.#run(vmware, ['-v'], 'look', { signal });
    return linesOf(stdout, this.#options.codePage);
  }

  /** The help text; the exit code of bare vmrun is a failure's. */
  async banner(signal?: AbortSignal): Promise<string[]> {
    const { vmrun } = await this.programs();
    const { stdout } = await this.#run(vmrun, [], 'look', { signal });
    return linesOf(stdout, this.#options.codePage);
  }

  /** Work on machines that nothing else of this agent changes meanwhile. */
  alone<Result>(vmxPaths: readonly string[], work: () => Promise<Result>): Promise<Result> {
    return this.#queues.within(vmxPaths, work);
  }

  /** Runs a program that changes something. */
  async run(
    program: (programs: Programs) => string,
    args: readonly string[],
    { deadline, signal }: Change,
  ): Promise<void> {
    await this.quiet(args.filter(isMachineFile), this.#options.deadlines[deadline], signal);
    const programs = await this.programs();
    const chosen = program(programs);
    const lost = () => foldersOf(args).forEach((folder) => this.#late.note(folder));
    // The other programs do their work themselves, and end with it.
    if (chosen !== programs.vmrun) return void (await this.#call(chosen, args, deadline, { signal }));
    this.#changing += 1;
    try {
      await this.#call(chosen, args, deadline, { signal, lost });
    } finally {
      this.#changing -= 1;
      this.#changedAt = performance.now();
    }
  }

  /** Waits until nothing more comes of calls that were killed while they changed these machines. */
  async settled(vmxPaths: readonly string[], lateMs: number, signal: AbortSignal): Promise<void> {
    await Promise.all(foldersOf(vmxPaths).map((folder) => this.#late.settled(folder, lateMs, signal)));
  }

  async #call(
    program: string,
    args: readonly string[],
    deadline: keyof CallDeadlines,
    circumstances: Circumstances,
  ): Promise<string[]> {
    const { codePage } = this.#options;
    const result = await this.#run(program, args, deadline, circumstances);
    const lines = linesOf(result.stdout, codePage);
    const failure = failureOf({ exit: result.exit, lines, errorLines: linesOf(result.stderr, codePage) });
    if (failure === undefined) return lines;
    const error = new VmwareError(nameOf(program, args), failure, result.exit === null);
    if (error.wasKilled || isBusy(error)) circumstances.lost?.();
    throw error;
  }

  async #run(
    program: string,
    args: readonly string[],
    deadline: keyof CallDeadlines,
    { signal, lost }: Circumstances,
  ): Promise<ProgramResult> {
    const { deadlines, env } = this.#options;
    const deadlineMs = deadlines[deadline];
    let hasBegun = false;
    try {
      return await this.#slots.within(deadline === 'look' ? 'look' : 'change', () => {
        hasBegun = signal?.aborted !== true;
        const purpose = nameOf(program, args);
        return runProgram({ program, args, deadlineMs, purpose, timer: this.timer, signal, env });
      });
    } catch (error) {
      if (hasBegun && !(error instanceof MissingProgramError)) lost?.();
      if (error instanceof DeadlineError) throw new CallDeadlineError(nameOf(program, args), deadlineMs / 1_000);
      throw error;
    }
  }

  /**
   * An agent that died may have left a call behind that still works on a machine. Such calls are waited for: two at once
   * would spoil it.
   */
  async quiet(files: readonly string[], withinMs = this.#options.deadlines.disk, signal?: AbortSignal): Promise<void> {
    this.#orphans ??= hostProcesses().then((all) => all.filter(isCall));
    const folders = files.map((one) => dirname(one));
    const until = performance.now() + withinMs;
    for (;;) {
      // Forgotten once gone: the number may be given to another process.
      const alive: HostProcess[] = (await this.#orphans).filter(({ pid }) => isAlive(pid));
      this.#orphans = Promise.resolve(alive);
      const inTheWay = alive.find(({ command }) => folders.some((one) => command.join('\0').includes(one)));
      if (!inTheWay) return;
      signal?.throwIfAborted();
      if (performance.now() > until)
        throw new ProblemError(
          'vm-busy',
          `A call of an earlier agent still works on it: process ${inTheWay.pid}. Wait for it, or end it.`,
        );
      await new Promise((resolve) => setTimeout(resolve, LOOK_FOR_ORPHANS_MS));
    }
  }

  #isOtherProduct(error: unknown): boolean {
    return this.#hostType === 'ws' && error instanceof VmwareError && /but not installed/.test(error.said);
  }
}

const isMachineFile = (path: string): boolean => /\.(vmx|vmdk)$/i.test(path);

const foldersOf = (args: readonly string[]): string[] => [
  ...new Set(args.filter(isMachineFile).map((path) => dirname(path))),
];

/** `vmrun start`: what a caller may see of a command line, which can hold secrets. */
function nameOf(program: string, args: readonly string[]): string {
  const command = args.find((one, index) => args[index - 1] !== '-T' && !['-T', '-q'].includes(one));
  return `${basename(program).replace(/\.exe$/i, '')} ${command ?? ''}`.trim();
}

const isCall = ({ command }: HostProcess): boolean =>
  command.slice(0, 2).some((word) => /(^|[\\/])(vmrun|vmware-vdiskmanager)(\.exe)?$/i.test(word));
