import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { eventually } from '@polyvirt/bus/testing';
import { identityOf, layoutOf, POOL, root, run, type ProcessIdentity } from '@polyvirt/tools';

const diskMiB = 512;
/** Of that, what the services leave free. */
const keptMiB = 32;
const startWithinMs = 600_000;
/** Where what was said stays when something was wrong. */
const logs = join(root, '.polyvirt/chaos');
const daemons = '/run/polyvirt/libvirtd.started';
/** Where libvirt keeps what it knows of machines, for now and for ever. */
const foldersOfLibvirt = ['/var/lib/libvirt/qemu', '/etc/libvirt/qemu', '/run/libvirt/qemu'];

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

  get #data(): string {
    return join(this.#folder, 'data');
  }

  /** What scripts find of the stack. */
  async record(): Promise<RunRecord> {
    return JSON.parse(await readFile(layoutOf(this.#data).runFile, 'utf8')) as RunRecord;
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

  /** Names of the machines that have a process here, as often as they have one. Those of others are not looked at. */
  async machineProcesses(): Promise<string[]> {
    const found: string[] = [];
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0').slice(0, -1);
      const name =
        this.isEnclosed && words[0]?.includes('qemu-system') ? nameInQemu(words) : await this.#nameInVmx(words);
      if (name !== undefined) found.push(name);
    }
    return found;
  }

  /** Of a process of the simulated Workstation of this stage. */
  async #nameInVmx(words: readonly string[]): Promise<string | undefined> {
    const [program, file] = [words[0], words.at(-1)];
    if (!program?.endsWith('vmware-vmx') || !file?.startsWith(this.#folder)) return undefined;
    const text = await readFile(file, 'utf8').catch(() => '');
    // One whose files are gone is to be seen as well.
    return /^displayName\s*=\s*"(.*)"/m.exec(text)?.[1] ?? file;
  }

  /** Names of the archive folders, without their day, that begin like this. */
  async archives(prefix: string): Promise<string[]> {
    const names = (await readdir(layoutOf(this.#data).archives)).map((name) => name.replace(/^\d{4}-\d\d-\d\d_/, ''));
    return names.filter((name) => name.startsWith(prefix));
  }

  /** What is still there of machines though none is, and what was never finished. Something may be on its way at any moment. */
  async filesLeft(prefix: string): Promise<string[]> {
    let left: string[] = [];
    await eventually(async () => {
      left = [...(await this.#ofMachines(prefix)), ...(await this.#unfinished())];
      if (left.length > 0) throw new Error('some are there');
    }).catch(() => undefined);
    return left;
  }

  async #ofMachines(prefix: string): Promise<string[]> {
    const { workstation, uploads } = layoutOf(this.#data);
    const whole = await Promise.all([join(workstation, 'vms'), uploads].map((folder) => below(folder)));
    if (!this.isEnclosed) return whole.flat();
    const disks = (await below(POOL.path)).filter((path) => !basename(path).startsWith('image-'));
    const named = await Promise.all(foldersOfLibvirt.map((folder) => below(folder)));
    return [...whole.flat(), ...disks, ...named.flat().filter((path) => basename(path).includes(prefix))];
  }

  /** What our services write beside a file, to put it in its place. */
  async #unfinished(): Promise<string[]> {
    const { nats } = layoutOf(this.#data);
    return (await below(this.#data)).filter(
      (path) => !path.startsWith(nats) && /\.(?:[0-9a-f]{8}|new|part|tmp)$|^\.unfinished-/.test(basename(path)),
    );
  }

  /** Keeps what was said; answers where. */
  async keepLogs(): Promise<string> {
    await rm(logs, { recursive: true, force: true });
    await cp(layoutOf(this.#data).logs, logs, { recursive: true });
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
    const args = ['--data-dir', this.#data, '--port', '0', '--no-build', '--no-install', ...hosts];
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

const nameInQemu = (words: readonly string[]): string | undefined =>
  /(?:^|,)guest=([^,]*)/.exec(words[words.indexOf('-name') + 1] ?? '')?.[1];

/** Everything in a folder, however deep; nothing when it is not there. What goes while it is read is none of it. */
async function below(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const paths = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      return [path, ...(entry.isDirectory() ? await below(path) : [])];
    }),
  );
  return paths.flat();
}
