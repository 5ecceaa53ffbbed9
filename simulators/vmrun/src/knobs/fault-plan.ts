import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ERRORS, Refusal, refusal } from '../command-line/errors.ts';
import type { Session } from '../host/session.ts';
import { isMeantFor, type Fault, type Moment } from './fault.ts';
import { noteStruck } from './struck.ts';

const HOLDER = fileURLToPath(new URL('../hold-pipes.js', import.meta.url));

/** The faults that hit this one call of a program. */
export class FaultPlan {
  private readonly session: Session;
  private readonly command: string;
  private readonly faults: Fault[];
  private readonly refusalOf: (fault: Fault) => Error;
  private readonly isWorker: boolean;
  /** The call never answers, although its work goes on. */
  isSilent = false;

  /**
   * Counts the call against each fault that is meant for it; the counts are files, so that `after` and `times` hold over many
   * processes.
   */
  constructor(
    session: Session,
    command: string,
    paths: string[],
    { refusalOf = vmrunRefusal, isWorker = false }: { refusalOf?: (fault: Fault) => Error; isWorker?: boolean } = {},
  ) {
    this.session = session;
    this.command = command;
    this.refusalOf = refusalOf;
    this.isWorker = isWorker;
    const countsFolder = session.registry.own('fault-counts');
    this.faults = session.settings.faults.filter((fault) => {
      if (!isMeantFor(fault, command, paths)) return false;
      if (fault.after === 0 && fault.times === Infinity) return true;
      const call = nextCount(fault, countsFolder);
      return call > fault.after && call <= fault.after + fault.times;
    });
  }

  /** Does what is due at this moment of the call; a fault strikes once. */
  async reach(moment: Moment): Promise<void> {
    while (true) {
      const index = this.faults.findIndex((fault) => fault.at === moment);
      if (index < 0) return;
      const [fault] = this.faults.splice(index, 1);
      await this.strike(fault!);
    }
  }

  private async strike(fault: Fault): Promise<void> {
    const { session, command } = this;
    noteStruck(session.registry, { command, kind: fault.kind, at: fault.at });
    switch (fault.kind) {
      case 'refuse':
      case 'disk-full':
        throw this.refusalOf(fault);
      case 'slow':
        await session.clock.pass(fault.delayMs);
        return;
      case 'hang':
        if (!this.isWorker) await forever();
        // What hangs is the call; the work goes on a while later.
        this.isSilent = true;
        await session.clock.pass(fault.delayMs);
        return;
      case 'die':
        process.kill(process.pid, 'SIGKILL');
        await forever();
        return;
      case 'hold-pipes':
        await holdPipes(fault.delayMs);
        return;
    }
  }
}

/** Waits until somebody kills this process. */
export function forever(): Promise<never> {
  return new Promise(() => setInterval(() => undefined, 60_000));
}

function vmrunRefusal(fault: Fault): Error {
  if (fault.kind === 'disk-full') return refusal('disk-full');
  const lines = fault.text ?? `Error: ${ERRORS[fault.error ?? 'unknown']}`;
  return new Refusal(typeof lines === 'string' ? [lines] : lines, fault.exit);
}

/** A child that inherits the pipes and outlives this process, as the GUI does on Windows. */
async function holdPipes(holdMs: number): Promise<void> {
  const { spawn } = await import('node:child_process');
  // The name of the installation lets whoever cleans up find it.
  spawn(process.execPath, [HOLDER, String(holdMs), process.env['VMRUN_SIMULATOR_HOME'] ?? ''], {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
  }).unref();
}

function nextCount(fault: Fault, folder: string): number {
  // Loaded only when it is needed: most of what a call takes is its start.
  const { createHash } = process.getBuiltinModule('node:crypto');
  const id = createHash('sha1').update(JSON.stringify(fault)).digest('hex').slice(0, 12);
  mkdirSync(folder, { recursive: true });
  for (let count = 1; ; count++) {
    try {
      writeFileSync(join(folder, `${id}.${count}`), '', { flag: 'wx' });
      return count;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    }
  }
}
