import { existsSync } from 'node:fs';
import { remember } from '../host/inventory.ts';
import { LockFolder } from '../machine/lock-folder.ts';
import type { Machine } from '../machine/machine.ts';

const BEAT_MS = 1000;

/**
 * A window of the GUI with one VM in a tab: it locks the .vmx until the window is closed (SIGTERM or SIGINT). The VM goes
 * on in the background when it is running.
 */
export class GuiWindow {
  private readonly lock: LockFolder;
  private readonly machine: Machine;

  constructor(machine: Machine) {
    this.machine = machine;
    this.lock = new LockFolder(machine.vmx);
  }

  open(): void {
    this.lock.take(
      process.pid,
      this.machine.session.paths.isWindows ? 'vmware.exe' : 'vmware',
      this.machine.session.clock,
    );
    remember(this.machine);
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => this.close());
    setInterval(() => {
      if (!existsSync(this.machine.vmx)) this.close();
    }, BEAT_MS);
  }

  private close(): void {
    if (existsSync(this.machine.folder)) this.lock.release(process.pid);
    process.exit(0);
  }
}
