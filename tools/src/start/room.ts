import { stat, statfs } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

const lookEveryMs = 10_000;
const bytesPerMiB = 1_048_576;
/** What is kept free times this is little, and told. */
const tellBelow = 4;
/** What the gateway keeps free unless told otherwise. */
const usualKeptMiB = 256;

export interface Disk {
  /** Of the file system: folders on the same one have the same room. */
  readonly device: number;
  readonly freeMiB: number;
}

async function diskOf(folder: string): Promise<Disk> {
  const [{ dev }, { bavail, bsize }] = await Promise.all([stat(folder), statfs(folder)]);
  return { device: dev, freeMiB: Math.floor((bavail * bsize) / bytesPerMiB) };
}

/** Says in the terminal when a disk that services write to becomes full: whoever started them may never look into a log. */
export class Room {
  readonly #keptMiB: number;
  readonly #told = new Map<number, 'enough' | 'little' | 'none'>();

  readonly #folders: readonly string[];
  readonly #log: (line: string) => void;
  readonly #look: (folder: string) => Promise<Disk>;

  constructor(
    folders: readonly string[],
    keptMiB: string | undefined,
    log: (line: string) => void,
    look: (folder: string) => Promise<Disk> = diskOf,
  ) {
    this.#folders = folders;
    this.#log = log;
    this.#look = look;
    // What is no number the gateway refuses itself, with a sentence.
    this.#keptMiB = keptMiB !== undefined && /^\d+$/.test(keptMiB) ? Number(keptMiB) : usualKeptMiB;
  }

  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.tell();
      await delay(lookEveryMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** Each disk once, when it becomes worse or better. A folder that cannot be asked says nothing. */
  async tell(): Promise<void> {
    const asked = await Promise.allSettled(
      this.#folders.map(async (folder) => ({ folder, disk: await this.#look(folder) })),
    );
    const found = asked.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    for (const [device, [first]] of Map.groupBy(found, ({ disk }) => disk.device)) {
      const { folder, disk } = first!;
      const now =
        disk.freeMiB < this.#keptMiB ? 'none' : disk.freeMiB < tellBelow * this.#keptMiB ? 'little' : 'enough';
      if (now === (this.#told.get(device) ?? 'enough')) continue;
      this.#told.set(device, now);
      this.#log(this.#sentence(now, folder, disk.freeMiB));
    }
  }

  #sentence(now: 'enough' | 'little' | 'none', folder: string, freeMiB: number): string {
    const kept = this.#keptMiB;
    if (now === 'enough') return `the disk of ${folder} has room again: ${freeMiB} MiB are free`;
    if (now === 'little')
      return `the disk of ${folder} is nearly full: ${freeMiB} MiB are free; below ${kept} MiB changes are refused`;
    return (
      `the disk of ${folder} is full: ${freeMiB} MiB are free, and changes are refused until there are ${kept} MiB. ` +
      'Make room there; stop, cancel and delete still work'
    );
  }
}
