import { spawn, type ChildProcess } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Dictionary } from '../dictionary/dictionary.ts';
import { createDisk } from '../disks/create-disk.ts';
import { isAlive, waitUntilGone } from '../host/processes.ts';
import type { Knobs } from '../knobs/catalogue.ts';
import type { Fault } from '../knobs/fault.ts';
import { TestClock } from './test-clock.ts';
import { scaled } from './time-scale.ts';

const BIN = fileURLToPath(new URL('../../bin/', import.meta.url));
const COMPILED = fileURLToPath(new URL('../../../../node_modules/.cache/simulators', import.meta.url));

type KnobFile = Partial<Knobs> & {
  faults?: Partial<Fault>[];
  machines?: (Partial<Knobs> & { vmx: string })[];
  latency?: string;
};

export interface Reply {
  exit: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  bytes: Buffer;
  /** Lines of stdout without the last line end. */
  lines: string[];
}

/** Delays that let tests go fast; a test that is about time sets its own. */
const QUICK: KnobFile = {
  toolsDelayMs: 0,
  addressDelayMs: 0,
  resumeDelayMs: 0,
  guestShutdownMs: 20,
  installToolsMs: 20,
};

/** An installation in a temporary folder, with the real executables; `close` ends every process it has started. */
export class Workbench {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'vmrun-')));
  readonly home = join(this.folder, 'home');
  readonly clock = new TestClock(join(this.home, 'simulator'));
  private readonly children = new Set<ChildProcess>();

  constructor(knobs: KnobFile = {}) {
    if (!existsSync(join(BIN, '../dist/vmrun.js'))) throw new Error('build the simulator first: npx tsc -b');
    this.set(knobs);
  }

  /** Replaces the knobs. Their delays are those of the machine unless the test holds the clock. */
  set(knobs: KnobFile): void {
    const folder = join(this.home, 'simulator');
    mkdirSync(folder, { recursive: true });
    const all = { ...QUICK, ...knobs };
    writeFileSync(join(folder, 'knobs.json'), JSON.stringify(this.clock.isHeld ? all : scaled(all)));
  }

  vmrun(...args: string[]): Promise<Reply> {
    return this.run('vmrun', ['-T', 'ws', ...args]);
  }

  /** A guest operation as the guest's root. */
  guest(...args: string[]): Promise<Reply> {
    return this.run('vmrun', ['-T', 'ws', '-gu', 'root', '-gp', 'password', ...args]);
  }

  vdiskmanager(...args: string[]): Promise<Reply> {
    return this.run('vmware-vdiskmanager', args);
  }

  /** Runs a program of the installation; resolves when it exits, whoever still holds its pipes. */
  async run(program: string, args: string[], env: Record<string, string> = {}): Promise<Reply> {
    const child = this.start(program, args, env);
    const [out, err] = [collect(child.stdout!), collect(child.stderr!)];
    const [exit, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, by) => resolve([code, by]));
    });
    await Promise.race([Promise.all([out.ended, err.ended]), settled(child)]);
    const bytes = Buffer.concat(out.chunks);
    const stdout = bytes.toString('utf8');
    const stderr = Buffer.concat(err.chunks).toString('utf8');
    return { exit, signal, stdout, stderr, bytes, lines: linesOf(stdout) };
  }

  /** Starts a program and leaves it running. */
  start(program: string, args: string[], env: Record<string, string> = {}): ChildProcess {
    const path = [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
    const environment: NodeJS.ProcessEnv = { ...process.env, PATH: path, VMRUN_SIMULATOR_HOME: this.home, ...env };
    // Most of what a call takes is the start of its process.
    environment['NODE_COMPILE_CACHE'] = COMPILED;
    for (const name of ['NODE_OPTIONS', 'VMRUN_SIMULATOR_KNOBS', 'DISPLAY', 'WAYLAND_DISPLAY']) {
      if (!(name in env)) delete environment[name];
    }
    const child = spawn(join(BIN, program), args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    this.children.add(child);
    child.once('exit', () => this.children.delete(child));
    return child;
  }

  /** A VM with one small disk; entries replace the usual ones, an empty one removes it. Returns the .vmx path. */
  vm(name: string, entries: Record<string, string> = {}): string {
    const folder = join(this.folder, name);
    mkdirSync(folder, { recursive: true });
    const disk = { path: join(folder, `${name}.vmdk`), sectors: 131072, adapter: 'lsilogic', hardwareVersion: '21' };
    createDisk({ ...disk, type: 0 }, undefined);
    const vmx = join(folder, `${name}.vmx`);
    const all: Record<string, string> = { ...usualEntries(name), ...entries };
    const kept = Object.entries(all).filter(([, value]) => value !== '');
    writeFileSync(vmx, Dictionary.of(Object.fromEntries(kept)).bytes());
    return vmx;
  }

  /** A VM that runs, with Tools up. */
  async runningVm(name: string, entries: Record<string, string> = {}): Promise<string> {
    const vmx = this.vm(name, entries);
    const reply = await this.vmrun('start', vmx, 'nogui');
    if (reply.exit !== 0) throw new Error(`start failed: ${reply.stdout}${reply.stderr}`);
    return vmx;
  }

  read(vmx: string): Dictionary {
    return Dictionary.parse(readFileSync(vmx));
  }

  filesOf(vmx: string): string[] {
    return readdirSync(dirname(vmx)).sort();
  }

  /** The pid that the VM's log begins with. */
  pidOf(vmx: string): number {
    return Number(/ pid=(\d+) /.exec(this.logOf(vmx).split('\n')[0]!)?.[1]);
  }

  logOf(vmx: string): string {
    return readFileSync(join(dirname(vmx), 'vmware.log'), 'utf8');
  }

  /** Kills the VM's process as a crash would. */
  async crash(vmx: string): Promise<void> {
    const pid = this.pidOf(vmx);
    process.kill(pid, 'SIGKILL');
    await waitUntilGone(() => isAlive(pid));
  }

  /** Waits for a condition; throws when it does not come true. */
  async until(condition: () => boolean, what = condition.toString()): Promise<void> {
    if (!(await waitUntilGone(() => !condition(), 60_000))) throw new Error(`never: ${what}`);
  }

  async close(): Promise<void> {
    const pids = [...this.children].flatMap((child) => child.pid ?? []);
    const others = [...lockHolders(this.folder), ...this.runningPids(), ...processesOn(this.folder)];
    for (const pid of new Set([...pids, ...others])) await kill(pid);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  private runningPids(): number[] {
    const folder = join(this.home, 'simulator', 'running');
    if (!existsSync(folder)) return [];
    const records = readdirSync(folder).filter((name) => name.endsWith('.json'));
    return records.map((name) => (JSON.parse(readFileSync(join(folder, name), 'utf8')) as { pid: number }).pid);
  }
}

function usualEntries(name: string): Record<string, string> {
  return {
    'config.version': '8',
    'virtualHW.version': '21',
    displayName: name,
    guestOS: 'ubuntu-64',
    memsize: '64',
    'pciBridge0.present': 'TRUE',
    'pciBridge4.present': 'TRUE',
    'scsi0.present': 'TRUE',
    'scsi0.virtualDev': 'lsilogic',
    'scsi0:0.present': 'TRUE',
    'scsi0:0.fileName': `${name}.vmdk`,
    'ethernet0.present': 'TRUE',
    'ethernet0.connectionType': 'nat',
    'ethernet0.virtualDev': 'vmxnet3',
    'ethernet0.addressType': 'generated',
    'floppy0.present': 'FALSE',
  };
}

/** Processes that hold a lock somewhere below the folder: VMs and windows of the GUI. */
function lockHolders(folder: string): number[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  return files
    .filter((entry) => entry.isFile() && entry.parentPath.endsWith('.lck'))
    .map((entry) => Number(/ (\d+)-\d+\(/.exec(readFileSync(join(entry.parentPath, entry.name), 'utf8'))?.[1] ?? 0))
    .filter((pid) => pid > 0 && isOurs(pid));
}

/** Processes that name a file of the installation: those that work for a call which was killed, too. */
function processesOn(folder: string): number[] {
  if (process.platform !== 'linux') return [];
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return pids.filter((pid) => commandLineOf(pid).includes(folder)).map(Number);
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** A pid in a file may long be another program's. */
function isOurs(pid: number): boolean {
  try {
    return /vmware/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0]!);
  } catch {
    return process.platform !== 'linux';
  }
}

async function kill(pid: number): Promise<void> {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
  await waitUntilGone(() => isAlive(pid), 5000);
}

function collect(stream: NodeJS.ReadableStream): { chunks: Buffer[]; ended: Promise<void> } {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return { chunks, ended: new Promise((resolve) => stream.once('end', () => resolve())) };
}

/** A process that has ended cannot print any more: what is in the pipe arrives within moments. */
function settled(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, child.exitCode === null ? 0 : 250).unref());
}

function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/);
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}
