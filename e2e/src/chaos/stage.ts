import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@polyvirt/bus/testing';
import { PrivateDaemon } from '@polyvirt/node-libvirt/testing';
import { root, run } from '@polyvirt/tools';

const diskMiB = 512;
/** Of that, what the services leave free. */
const keptMiB = 32;
/** Whom a libvirtd of one's own runs as. */
const nobody = 65_534;
const startWithinMs = 600_000;

interface RunRecord {
  readonly url: string;
  readonly token: string;
  readonly processes: Readonly<Record<string, number>>;
}

/** What `npm start` starts, on a small disk and with a libvirtd of its own where the machine allows that. */
export class Stage {
  readonly #cleanup: AsyncDisposableStack;
  #child: ChildProcess | undefined;

  private constructor(
    readonly folder: string,
    readonly disk: string | undefined,
    readonly libvirtd: PrivateDaemon | undefined,
    readonly storage: string,
    cleanup: AsyncDisposableStack,
  ) {
    this.#cleanup = cleanup;
  }

  static async open(log: (line: string) => void): Promise<Stage> {
    await using cleanup = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'polyvirt-chaos-'));
    cleanup.defer(() => rm(folder, { recursive: true, force: true }));
    const data = join(folder, 'data');
    await mkdir(data);
    const disk = await mounted(data, cleanup, log);
    const storage = await mkdtemp('/var/tmp/polyvirt-chaos-');
    cleanup.defer(() => rm(storage, { recursive: true, force: true }));
    if (process.getuid?.() === 0) await chown(storage, nobody, nobody);
    const libvirtd = await daemon(cleanup, log);
    const stage = new Stage(folder, disk, libvirtd, storage, cleanup.move());
    try {
      await stage.#start(data);
    } catch (error) {
      await stage.close();
      throw error;
    }
    return stage;
  }

  /** What scripts find of the stack. */
  async record(): Promise<RunRecord> {
    return JSON.parse(await readFile(join(this.folder, 'data', 'run.json'), 'utf8')) as RunRecord;
  }

  /** Files of machines that are still on the storage of libvirt. */
  async filesLeft(): Promise<string[]> {
    return (await readdir(this.storage)).filter((name) => !name.startsWith('image-'));
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

  async #start(data: string): Promise<void> {
    const output = await open(join(this.folder, 'output'), 'a');
    const hosts = this.libvirtd ? [] : ['--hosts', 'vmware,nutanix'];
    const args = [join(root, 'tools/src/start.ts'), '--data-dir', data, '--port', '0', '--no-build', ...hosts];
    this.#child = spawn(process.execPath, args, {
      cwd: root,
      env: {
        ...process.env,
        POLYVIRT_SPACE_KEPT_MIB: String(keptMiB),
        POLYVIRT_STORAGE_PATH: this.storage,
        ...(this.libvirtd && {
          POLYVIRT_LIBVIRT_URI: 'qemu:///session',
          POLYVIRT_LIBVIRT_SOCKET: this.libvirtd.socketPath,
          POLYVIRT_ACCELERATION: 'qemu',
        }),
      },
      stdio: ['ignore', output.fd, output.fd],
    });
    await output.close();
    await eventually(async () => {
      if (this.#child!.exitCode !== null)
        throw new Error(`npm start ended: ${await readFile(join(this.folder, 'output'), 'utf8')}`);
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
    cleanup.defer(async () => void (await run('umount', [folder])));
    return folder;
  } catch (error) {
    log(`no small disk: ${(error as Error).message}`);
    return undefined;
  }
}

async function daemon(cleanup: AsyncDisposableStack, log: (line: string) => void): Promise<PrivateDaemon | undefined> {
  const own = await PrivateDaemon.create();
  try {
    await own.start();
  } catch (error) {
    log((error as Error).message);
    await own.close();
    return undefined;
  }
  cleanup.defer(() => own.close());
  return own;
}
