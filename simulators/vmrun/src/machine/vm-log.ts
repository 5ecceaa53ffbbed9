import { appendFileSync, existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Knobs } from '../knobs/catalogue.ts';

const KEPT = 3;

/** vmware.log of a VM; the line that a reader takes the pid from is the first. */
export class VmLog {
  private readonly path: string;

  constructor(folder: string) {
    this.path = join(folder, 'vmware.log');
  }

  /** Moves older logs on and begins a new one. */
  begin(pid: number, knobs: Knobs): void {
    const numbered = (number: number) => this.path.replace(/\.log$/, `-${number}.log`);
    for (let number = KEPT - 2; number >= 0; number--) {
      if (existsSync(numbered(number))) renameSync(numbered(number), numbered(number + 1));
    }
    if (existsSync(this.path)) renameSync(this.path, numbered(0));
    const { productVersion, productBuild } = knobs;
    this.write(
      `Log for VMware Workstation pid=${pid} version=${productVersion} build=build-${productBuild} option=Release`,
    );
  }

  write(message: string): void {
    appendFileSync(this.path, `${new Date().toISOString()} In(05) vmx ${message}\n`);
  }
}
