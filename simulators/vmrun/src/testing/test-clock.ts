import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from '../host/processes.ts';

const LOOK_MS = 10;

/** A call that was struck by a fault, or that hangs by a knob. */
export interface Struck {
  readonly pid: number;
  readonly command: string;
  readonly kind: string;
  readonly at: string;
}

/** Holds the clock of an installation, and moves it when a test says so. */
export class TestClock {
  private readonly folder: string;
  private standsAt: number | undefined;

  /** `folder` is that of the simulator's own files. */
  constructor(folder: string) {
    this.folder = folder;
  }

  get isHeld(): boolean {
    return this.standsAt !== undefined;
  }

  /** From now on no time passes by itself. */
  hold(): void {
    this.stand(Date.now());
  }

  advance(ms: number): void {
    if (this.standsAt === undefined) throw new Error('a clock that runs is not moved: hold it first');
    this.stand(this.standsAt + ms);
  }

  release(): void {
    this.standsAt = undefined;
    rmSync(join(this.folder, 'clock.json'), { force: true });
  }

  /** Resolves once a call of this command waits for the clock. */
  async untilWaiting(command: string): Promise<void> {
    const isIt = (one: { pid: number; command: string[] }) => isAlive(one.pid) && one.command.includes(command);
    while (!read<{ pid: number; command: string[] }>(join(this.folder, 'waiting')).some(isIt)) await sleep(LOOK_MS);
  }

  struck(): Struck[] {
    return read<Struck>(join(this.folder, 'struck'));
  }

  /** Resolves once a call of this command is struck by a fault. */
  async untilStruck(command: string): Promise<Struck> {
    for (;;) {
      const found = this.struck().find((one) => one.command === command);
      if (found) return found;
      await sleep(LOOK_MS);
    }
  }

  /** Forgets which calls were struck. */
  forget(): void {
    for (const name of ['struck', 'fault-counts']) rmSync(join(this.folder, name), { recursive: true, force: true });
  }

  private stand(time: number): void {
    this.standsAt = time;
    mkdirSync(this.folder, { recursive: true });
    const path = join(this.folder, 'clock.json');
    writeFileSync(`${path}~`, JSON.stringify({ standsAt: time }));
    renameSync(`${path}~`, path);
  }
}

/** Files come and go while they are read. */
function read<Content>(folder: string): Content[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    try {
      return name.endsWith('.json') ? (JSON.parse(readFileSync(join(folder, name), 'utf8')) as Content) : [];
    } catch {
      return [];
    }
  });
}
