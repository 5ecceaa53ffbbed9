import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ProblemError } from '@polyvirt/contracts';
import { achieve, type Patience } from '../vmrun/achieve.ts';
import { MissingProgramError, runProgram } from '../vmrun/run-program.ts';
import type { Vmrun } from '../vmrun/vmrun.ts';
import { exists } from '../inventory/discovery.ts';
import { orUnreadable } from '../inventory/unreadable.ts';
import { noGrowthWithSnapshots } from '../absent-features.ts';
import { partsOf, readVmdk } from './vmdk.ts';

export const GIB = 2 ** 30;
const MIB_PER_GIB = 1_024;
/** One file that grows with what is written to it. */
const GROWING = '0';
/** What the product allows for one disk. */
export const LARGEST_DISK_GIB = 8_192;
const VERSION_DEADLINE_MS = 10_000;

/** Makes and changes virtual disks by vmware-vdiskmanager, and reads foreign formats by qemu-img where there is one. */
export class DiskTool {
  readonly #vmrun: Vmrun;
  readonly #patience: Patience;
  readonly #qemuImgProgram: string;
  readonly #env: NodeJS.ProcessEnv | undefined;
  #hasQemuImg: Promise<boolean> | undefined;

  constructor(vmrun: Vmrun, patience: Patience, qemuImgProgram: string, env: NodeJS.ProcessEnv | undefined) {
    this.#vmrun = vmrun;
    this.#patience = patience;
    this.#qemuImgProgram = qemuImgProgram;
    this.#env = env;
  }

  /** Whether images in formats of QEMU can be used here. */
  hasQemuImg(): Promise<boolean> {
    this.#hasQemuImg ??= runProgram({
      program: this.#qemuImgProgram,
      args: ['--version'],
      deadlineMs: VERSION_DEADLINE_MS,
      env: this.#env,
    }).then(
      ({ exit }) => exit === 0,
      (error: unknown) => {
        if (error instanceof MissingProgramError) return false;
        // Asked again next time: a host that is too busy to answer has it all the same.
        this.#hasQemuImg = undefined;
        throw error;
      },
    );
    return this.#hasQemuImg;
  }

  /** Makes a blank disk; what an earlier attempt left is replaced. */
  async create(path: string, sizeGiB: number, signal: AbortSignal): Promise<void> {
    const size = `${sizeGiB * MIB_PER_GIB}MB`;
    await this.#make(path, sizeGiB * GIB, signal, () =>
      this.#vmrun.disk(['-c', '-s', size, '-a', 'lsilogic', '-t', GROWING, path], { deadline: 'disk', signal }),
    );
  }

  /** Copies an image and lets the copy grow to a size; what an earlier attempt left is replaced. */
  async copy(
    image: { readonly path: string; readonly format: string; readonly bytes: number },
    path: string,
    sizeGiB: number | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#make(path, image.bytes, signal, () =>
      image.format === 'vmdk'
        ? this.#vmrun.disk(['-r', image.path, '-t', GROWING, path], { deadline: 'disk', signal })
        : this.#convert(image, path, signal),
    );
    if (sizeGiB !== undefined) await this.grow(path, sizeGiB, signal);
  }

  /** Lets a disk grow; one that is that large already stays as it is. Throws `capability-missing` for a disk with snapshots. */
  async grow(path: string, sizeGiB: number, signal?: AbortSignal): Promise<boolean> {
    const isLargeEnough = async () => (await readVmdk(path)).bytes >= sizeGiB * GIB;
    return achieve(
      {
        what: `the disk has ${sizeGiB} GiB`,
        signal,
        isDone: isLargeEnough,
        act: async () => {
          if ((await readVmdk(path)).parent !== undefined)
            throw new ProblemError('capability-missing', noGrowthWithSnapshots);
          await this.#vmrun.disk(['-x', `${sizeGiB * MIB_PER_GIB}MB`, path], { deadline: 'disk', signal });
        },
      },
      this.#patience,
    );
  }

  async #make(path: string, leastBytes: number, signal: AbortSignal, make: () => Promise<void>): Promise<void> {
    let made = false;
    await achieve(
      {
        what: 'the disk is there',
        signal,
        // A disk that was there before may be half of one.
        isDone: async () => made && ((await orUnreadable(readVmdk(path)))?.bytes ?? -1) >= leastBytes,
        act: async () => {
          await this.#vmrun.quiet([path], undefined, signal);
          await removeDisk(path);
          await make();
          made = true;
        },
      },
      this.#patience,
    );
  }

  async #convert({ path: from, format }: { path: string; format: string }, to: string, signal: AbortSignal) {
    const args = ['convert', '-f', format, '-O', 'vmdk', '-o', 'subformat=monolithicSparse,adapter_type=lsilogic'];
    await this.#vmrun.run(() => this.#qemuImgProgram, [...args, from, to], { deadline: 'disk', signal });
  }
}

/** Removes a disk with all its files, in its own folder only. Last the one that names the others, so that it can be done again. */
export async function removeDisk(path: string): Promise<void> {
  if (!(await exists(path))) return;
  const parts = (await partsOf(path)).filter((file) => file !== path && dirname(file) === dirname(path));
  for (const file of [...parts, path]) await rm(file, { force: true });
}
