import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.ts';

const script = join(import.meta.dirname, '../../machine/enclosure.sh');

export interface EnclosureOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly stdio?: 'inherit' | ['ignore', 'pipe', 'inherit'];
}

/**
 * A program apart from the libvirt of this machine: `qemu:///system` is one of its own, or none, and all processes that it starts
 * end with it, whoever their parent is. Linux, as root.
 */
export class Enclosure {
  /** What is below /run in there is below `run` in here. */
  readonly folder: string;
  readonly child: ChildProcess;

  private constructor(folder: string, child: ChildProcess) {
    this.folder = folder;
    this.child = child;
  }

  static async open(
    program: string,
    args: readonly string[] = [],
    { env = {}, stdio = 'inherit' }: EnclosureOptions = {},
  ): Promise<Enclosure> {
    // Not in the folder for temporary files: that may be in memory, and closed to the user of QEMU.
    const folder = await mkdtemp('/var/tmp/polyvirt-enclosure-');
    await chmod(folder, 0o755);
    // However this process ends, it ends as well.
    const withParent = ['--pdeathsig', 'KILL', '--', 'sh', script];
    const child = spawn('setpriv', [...withParent, folder, program, ...args], {
      env: { ...process.env, ...env },
      stdio,
    });
    return new Enclosure(folder, child);
  }

  /** Runs a program in there, and answers what it prints. */
  async run(program: string, args: readonly string[]): Promise<string> {
    return run('nsenter', [...(await this.inside()), program, ...args], { timeoutMs: 600_000 });
  }

  /** What nsenter takes before a program that is to run in there. */
  async inside(): Promise<string[]> {
    const children = await readFile(`/proc/${this.child.pid}/task/${this.child.pid}/children`, 'utf8');
    return ['--target', children.trim(), '--mount', '--net', '--pid', '--'];
  }

  /** Resolves with the exit code. */
  async ended(): Promise<number> {
    const { exitCode, signalCode } = this.child;
    if (exitCode !== null || signalCode !== null) return exitCode ?? 1;
    const [code] = (await once(this.child, 'exit')) as [number | null];
    return code ?? 1;
  }

  /** Ends everything in there. */
  async close(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }
}
