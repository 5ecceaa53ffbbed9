import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { eventually } from '@polyvirt/bus/testing';
import { identityOf, POOL, root, run, type ProcessIdentity } from '@polyvirt/tools';

const diskMiB = 512;
/** Of that, what the services leave free. */
const keptMiB = 32;
const startWithinMs = 600_000;
/** Where what was said stays when something was wrong. */
const logs = join(root, '.polyvirt/chaos');
const daemons = '/run/polyvirt/libvirtd.started';

export interface StageOptions {
  /** Nothing else is beside it: the libvirt of the system is its own. */
  readonly isEnclosed: boolean;
  readonly log: (line: string) => void;
}

interface RunRecord {
  readonly url: string;
  readonly token: string;
}

/** What `npm start` starts, on a small disk. */
export class Stage {
  readonly #folder: string;
  /** The small disk that everything is written to; absent where none could be mounted. */
  readonly disk: string | undefined;
  readonly isEnclosed: boolean;
  readonly #cleanup: AsyncDisposableStack;
  #child: ChildProcess | undefined;

  private constructor(folder: string, disk: string | undefined, isEnclosed: boolean, cleanup: AsyncDisposableStack) {
    this.#folder = folder;
    this.disk = disk;
    this.isEnclosed = isEnclosed;
    this.#cleanup = cleanup;
  }

  static async open({ isEnclosed, log }: StageOptions): Promise<Stage> {
    await using cleanup = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'polyvirt-chaos-'));
    cleanup.defer(() => rm(folder, { recursive: true, force: true }));
    for (const name of ['data', 'clocks']) await mkdir(join(folder, name));
    const disk = await mounted(join(folder, 'data'), cleanup, log);
    const stage = new Stage(folder, disk, isEnclosed, cleanup.move());
    try {
      await stage.#start();
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  /** What scripts find of the stack. */
  async record(): Promise<RunRecord> {
    return JSON.parse(await readFile(join(this.#folder, 'data/run.json'), 'utf8')) as RunRecord;
  }

  /** The services that run now, and the daemons of libvirt where they are ours, by name. */
  async processes(): Promise<ReadonlyMap<string, ProcessIdentity>> {
    const found = new Map<string, ProcessIdentity>();
    const { pid } = this.#child!;
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
    for (const child of children.trim().split(' ').map(Number)) {
      const identity = identityOf(child);
      const command = await readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '');
      const [, name] =
        /(nats-server)\0|apps\/(.+?)\/dist\/main\.js|(prism-simulator)\0/.exec(command)?.filter(Boolean) ?? [];
      if (identity && name !== undefined) found.set(name, identity);
    }
    if (!this.isEnclosed) return found;
    for (const line of (await readFile(daemons, 'utf8').catch(() => '')).split('\n')) {
      const [name, number] = line.split(' ');
      const identity = number === undefined ? undefined : identityOf(Number(number));
      if (name && identity) found.set(name, identity);
    }
    return found;
  }

  /** Puts the clock of a service off, from its next start on. */
  async setClock(service: string, aheadMs: number): Promise<void> {
    const file = await open(join(this.#folder, 'clocks', service), 'w');
    await file.writeFile(String(aheadMs));
    await file.close();
  }

  /** Files of machines that are still on the storage of libvirt, and those that were never finished. */
  async filesLeft(): Promise<string[]> {
    const disks = this.isEnclosed ? (await readdir(POOL.path)).filter((name) => !name.startsWith('image-')) : [];
    return [...disks, ...(await this.#unfinished())];
  }

  /** What `npm start` writes beside a file, to put it in its place. One may be on its way at any moment. */
  async #unfinished(): Promise<string[]> {
    let left: string[] = [];
    await eventually(async () => {
      left = (await readdir(join(this.#folder, 'data'))).filter((name) => /\.[0-9a-f]{8}$/.test(name));
      if (left.length > 0) throw new Error('some are there');
    }).catch(() => undefined);
    return left;
  }

  /** Keeps what was said; answers where. */
  async keepLogs(): Promise<string> {
    await rm(logs, { recursive: true, force: true });
    await cp(join(this.#folder, 'data/logs'), logs, { recursive: true });
    await cp(join(this.#folder, 'output'), join(logs, 'output'));
    return logs;
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
    }
    await this.#cleanup.disposeAsync();
  }

  async #start(): Promise<void> {
    const output = await open(join(this.#folder, 'output'), 'a');
    // That of the system is not ours to disturb.
    const hosts = this.isEnclosed ? [] : ['--hosts', 'vmware,nutanix'];
    const clocks = pathToFileURL(join(import.meta.dirname, '../../chaos/clocks.mjs'));
    clocks.searchParams.set('folder', join(this.#folder, 'clocks'));
    const data = join(this.#folder, 'data');
    const args = ['--data-dir', data, '--port', '0', '--no-build', '--no-install', ...hosts];
    this.#child = spawn(process.execPath, ['--import', clocks.href, join(root, 'tools/src/start.ts'), ...args], {
      cwd: root,
      env: { ...process.env, POLYVIRT_SPACE_KEPT_MIB: String(keptMiB) },
      stdio: ['ignore', output.fd, output.fd],
    });
    await output.close();
    await eventually(async () => {
      if (this.#child!.exitCode !== null)
        throw new Error(`npm start ended: ${await readFile(join(this.#folder, 'output'), 'utf8')}`);
      await this.record();
    }, startWithinMs);
  }
}

async function mounted(
  folder: string,
  cleanup: AsyncDisposableStack,
  log: (line: string) => void,
): Promise<string | undefined> {
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${diskMiB}m,mode=0755`, 'tmpfs', folder]);
    cleanup.defer(async () => void (await run('umount', ['--lazy', folder])));
    return folder;
  } catch (error) {
    log(`no small disk: ${(error as Error).message}`);
    return undefined;
  }
}
