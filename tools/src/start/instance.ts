import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { endProcess, identityOf, isSameProcess, type ProcessIdentity } from '../machine/process-identity.ts';
import { replaceFile } from '../replace-file.ts';

interface Recorded extends ProcessIdentity {
  name: string;
}

/** What a supervisor writes down, so that the next one can clean up after it was killed. */
interface InstanceRecord {
  supervisor: ProcessIdentity;
  /** In the order they were started. */
  processes: Recorded[];
  /** This data folder's stack started libvirt's daemons. */
  ownsLibvirt: boolean;
}

/** Another supervisor runs on the same data folder. */
export class AlreadyRunning extends Error {
  override readonly name = 'AlreadyRunning';
}

/** The right to run on a data folder, held by one supervisor at a time. */
export class Instance {
  readonly #file: string;
  readonly #record: InstanceRecord;

  private constructor(file: string, record: InstanceRecord) {
    this.#file = file;
    this.#record = record;
  }

  /** Takes the data folder, after ending what a killed supervisor has left. Throws {@link AlreadyRunning}. */
  static async take(file: string, log: (line: string) => void): Promise<Instance> {
    const supervisor = identityOf(process.pid);
    if (supervisor === undefined) throw new Error('this process is not in the process table');
    const record: InstanceRecord = { supervisor, processes: [], ownsLibvirt: false };
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    for (;;) {
      if (await create(file, record)) return new Instance(file, record);
      const stale = await removeStale(file);
      if (stale === undefined) continue;
      record.ownsLibvirt ||= stale.ownsLibvirt;
      for (const orphan of stale.processes.toReversed()) {
        if (!isSameProcess(orphan)) continue;
        log(`ending ${orphan.name} (process ${orphan.pid}), which an earlier start left behind`);
        await endProcess(orphan);
      }
    }
  }

  get ownsLibvirt(): boolean {
    return this.#record.ownsLibvirt;
  }

  async noteLibvirt(): Promise<void> {
    this.#record.ownsLibvirt = true;
    await this.#write();
  }

  /** Replaces the list of processes. */
  async noteProcesses(processes: readonly { name: string; pid: number }[]): Promise<void> {
    this.#record.processes = processes.flatMap(({ name, pid }) => {
      const identity = identityOf(pid);
      return identity === undefined ? [] : [{ name, ...identity }];
    });
    await this.#write();
  }

  async release(): Promise<void> {
    await rm(this.#file, { force: true });
  }

  async #write(): Promise<void> {
    await replaceFile(this.#file, JSON.stringify(this.#record));
  }
}

/** Links a complete file into place, so that nobody ever reads half of one; false when there is one already. */
async function create(file: string, record: InstanceRecord): Promise<boolean> {
  const temporary = `${file}.${randomBytes(4).toString('hex')}`;
  try {
    await writeFile(temporary, JSON.stringify(record), { mode: 0o600 });
    await link(temporary, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Takes the record of a dead supervisor out of the way; undefined when another process has just done that. */
async function removeStale(file: string): Promise<InstanceRecord | undefined> {
  const record = await read(file);
  if (record === undefined) return undefined;
  if (isSameProcess(record.supervisor)) {
    throw new AlreadyRunning(
      `Polyvirt already runs on this data folder (process ${record.supervisor.pid}). Stop it with Ctrl-C where it runs, or choose another folder with --data-dir.`,
    );
  }
  // Whoever renames it first cleans up; the other finds it gone.
  const taken = `${file}.${randomBytes(4).toString('hex')}`;
  try {
    await rename(file, taken);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const moved = await read(taken);
  if (moved !== undefined && isSameProcess(moved.supervisor)) {
    // Between the two looks a new supervisor had begun; its record goes back.
    await link(taken, file).catch(() => undefined);
    await rm(taken);
    return undefined;
  }
  await rm(taken);
  return moved;
}

async function read(file: string): Promise<InstanceRecord | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as InstanceRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
