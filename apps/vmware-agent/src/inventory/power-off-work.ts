import { Logger } from '@nestjs/common';
import { beside } from '../disks/vmdk.ts';
import type { DiskTool } from '../disks/disk-tool.ts';
import { dropSentinels } from '../snapshots/vmsd-edits.ts';
import { editDictionary, readDictionary } from '../vmx/dictionary-file.ts';
import { disksOf } from '../vmx/hardware-reader.ts';
import type { Vmrun } from '../vmrun/vmrun.ts';
import type { Machine } from './identity.ts';
import { applyTo, hasPending, isEmpty, noChanges, readPending, writePending } from './pending-changes.ts';

const log = new Logger('PowerOffWork');

/** What was left to the next power-off. Whoever finds the machine off does it. */
export class PowerOffWork {
  readonly #vmrun: Vmrun;
  readonly #disks: DiskTool;
  readonly #deleteDisk: (chain: readonly string[], machine: Machine) => Promise<unknown>;
  readonly #finishing = new Map<string, Promise<void>>();

  constructor(
    vmrun: Vmrun,
    disks: DiskTool,
    deleteDisk: (chain: readonly string[], machine: Machine) => Promise<unknown>,
  ) {
    this.#deleteDisk = deleteDisk;
    this.#vmrun = vmrun;
    this.#disks = disks;
  }

  /** For who looks at machines. What fails waits on, and shows as a change that does. */
  async finish(machine: Machine): Promise<void> {
    if (!(await hasPending(machine.vmx))) return;
    const running = this.#finishing.get(machine.vmx);
    if (running) return running;
    const work = this.#vmrun
      .alone([machine.vmx], () => this.finishAlone(machine))
      .catch((error: unknown) => log.warn(`Changes of ${machine.nativeId} go on waiting: ${String(error)}`))
      .finally(() => this.#finishing.delete(machine.vmx));
    this.#finishing.set(machine.vmx, work);
    return work;
  }

  /** For who has the machine to itself, and knows that it is off. */
  async finishAlone(machine: Machine): Promise<void> {
    const { vmx } = machine;
    const pending = await readPending(vmx);
    if (isEmpty(pending)) return;
    await editDictionary(vmx, (dictionary) => applyTo(dictionary, pending), this.#vmrun.codePage);
    if (pending.removeDisks.length > 0)
      await dropSentinels(vmx.replace(/\.vmx$/i, '.vmsd'), (await readDictionary(vmx))!);
    const waiting = [...pending.disks];
    try {
      for (const { doomed } of pending.removeDisks) if (doomed.length > 0) await this.#deleteDisk(doomed, machine);
      const files = disksOf((await readDictionary(vmx))!);
      for (const { device, sizeGiB } of pending.disks) {
        const file = files.find((disk) => disk.device === device);
        if (file) await this.#disks.grow(beside(vmx, file.fileName), sizeGiB);
        waiting.shift();
      }
    } finally {
      await writePending(vmx, { ...noChanges, disks: waiting });
    }
  }
}
