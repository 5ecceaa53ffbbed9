import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { scaled, TestClock } from '@polyvirt/vmrun-simulator/testing';
import { hostProcesses, isAlive, isVmOrWindow } from '../host/processes.ts';
import { WorkstationDriver, type WorkstationDriverOptions } from '../workstation.driver.ts';

const compiled = fileURLToPath(new URL('../../../../node_modules/.cache/simulators', import.meta.url));
const run = promisify(execFile);
const simulator = fileURLToPath(new URL('../../../../simulators/vmrun/', import.meta.url));
const bin = join(simulator, 'bin');

/** Knobs of the simulator; see its README. */
export type Knobs = Record<string, unknown>;

/** So that tests go fast; a test that is about time sets its own. */
const quick: Knobs = {
  toolsDelayMs: 0,
  addressDelayMs: 0,
  resumeDelayMs: 0,
  guestShutdownMs: 20,
  // Tests do not wait for the disks of others.
  qemuImg: 'never',
};

/** An installation of the simulator in a temporary folder; `close` ends every VM in it. */
export class SimulatedWorkstation {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'polyvirt-vmware-')));
  readonly home = join(this.folder, 'home');
  readonly clock = new TestClock(join(this.home, 'simulator'));
  readonly vmFolder = join(this.folder, 'vms');
  readonly templateFolder = join(this.folder, 'templates');
  readonly imageFolder = join(this.folder, 'images');
  readonly env: NodeJS.ProcessEnv;

  constructor(knobs: Knobs = {}) {
    if (!existsSync(join(simulator, 'dist/vmrun.js'))) throw new Error('build the simulator first: npx tsc -b');
    for (const path of [this.vmFolder, this.templateFolder, this.imageFolder]) mkdirSync(path, { recursive: true });
    this.env = {
      ...process.env,
      PATH: [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
      VMRUN_SIMULATOR_HOME: this.home,
      NODE_OPTIONS: '',
      // Most of what a call takes is the start of its process.
      NODE_COMPILE_CACHE: compiled,
    };
    this.set(knobs);
  }

  /** Replaces the knobs, and forgets which faults have struck. Delays are those of the machine unless the clock is held. */
  set(knobs: Knobs): void {
    const own = join(this.home, 'simulator');
    mkdirSync(own, { recursive: true });
    this.clock.forget();
    const all = { ...quick, ...knobs };
    writeFileSync(join(own, 'knobs.json'), JSON.stringify(this.clock.isHeld ? all : scaled(all)));
  }

  options(overrides: Partial<WorkstationDriverOptions> = {}): WorkstationDriverOptions {
    return {
      platform: 'linux',
      simulated: true,
      vmrunPath: join(bin, 'vmrun'),
      vmFolder: this.vmFolder,
      templateFolder: this.templateFolder,
      imageFolder: this.imageFolder,
      places: { inventory: join(this.home, 'inventory.vmls'), networks: join(this.home, 'etc', 'vmware') },
      patience: { retryMs: 100 },
      env: this.env,
      ...overrides,
    };
  }

  open(overrides: Partial<WorkstationDriverOptions> = {}): Promise<WorkstationDriver> {
    return WorkstationDriver.open(this.options(overrides));
  }

  /** Calls a program of the installation, as another tool would. */
  async call(program: 'vmrun' | 'vmcli' | 'vmware-vdiskmanager', ...args: string[]): Promise<string> {
    const { stdout } = await run(join(bin, program), args, { env: this.env });
    return stdout;
  }

  vmrun(...args: string[]): Promise<string> {
    return this.call('vmrun', '-T', 'ws', ...args);
  }

  /** A VM that another tool made. Answers the path of its .vmx file. */
  async foreignVm(
    folder: string,
    name: string,
    entries: Record<string, string> = {},
    withDisk = false,
  ): Promise<string> {
    const stem = `foreign-${name.replace(/[^A-Za-z0-9]+/g, '-')}`;
    const place = join(folder, stem);
    mkdirSync(place, { recursive: true });
    if (withDisk)
      await this.call(
        'vmware-vdiskmanager',
        '-c',
        '-s',
        '64MB',
        '-a',
        'lsilogic',
        '-t',
        '0',
        join(place, `${stem}.vmdk`),
      );
    const all: Record<string, string> = {
      '.encoding': 'UTF-8',
      'config.version': '8',
      'virtualHW.version': '21',
      displayName: name.replace(/["|]/g, (one) => `|${one.charCodeAt(0).toString(16)}`),
      guestOS: 'other-64',
      memsize: '32',
      'pciBridge0.present': 'TRUE',
      'floppy0.present': 'FALSE',
      ...(withDisk && {
        'scsi0.present': 'TRUE',
        'scsi0:0.present': 'TRUE',
        'scsi0:0.fileName': `${stem}.vmdk`,
      }),
      ...entries,
    };
    const lines = Object.entries(all).map(([key, value]) => `${key} = "${value}"\n`);
    const vmx = join(place, `${stem}.vmx`);
    writeFileSync(vmx, lines.join(''));
    return vmx;
  }

  /** A VM like another one, without the help of any program. */
  copyVm(vmx: string, name: string): string {
    const folder = join(this.vmFolder, name);
    cpSync(dirname(vmx), folder, { recursive: true });
    const copy = join(folder, basename(vmx));
    writeFileSync(copy, readText(copy).replace(/^displayName = .*$/m, `displayName = "${name}"`));
    return copy;
  }

  /** Removes all VMs, none of which may run. */
  clear(): void {
    for (const name of readdirSync(this.vmFolder)) rmSync(join(this.vmFolder, name), { recursive: true, force: true });
  }

  /** Folders of VMs and their files, without those that the product leaves lying about. */
  files(): string[] {
    return readdirSync(this.vmFolder, { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.(vmx|vmdk|vmss|vmsn)$|\.polyvirt/.test(path) || !path.includes('/'))
      .sort();
  }

  /** Processes of VMs and windows of this installation, and calls that still run. */
  async processes(): Promise<{ pid: number; command: readonly string[] }[]> {
    const all = await hostProcesses();
    return all.filter(
      (one) =>
        one.pid !== process.pid &&
        one.command.some((word) => word.includes(this.folder)) &&
        (isVmOrWindow(one) || one.command.slice(0, 2).some((word) => word.startsWith(simulator))),
    );
  }

  /** Kills every VM, window and call. */
  async endProcesses(): Promise<void> {
    for (const { pid } of await this.processes()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
      while (isAlive(pid)) await delay(20);
    }
    rmSync(join(this.home, 'simulator', 'running'), { recursive: true, force: true });
  }

  async close(): Promise<void> {
    await this.endProcesses();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

export const readText = (path: string): string => readFileSync(path, 'utf8');
