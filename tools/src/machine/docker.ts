import { createHash, randomBytes } from 'node:crypto';
import { existsSync, globSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { CommandFailed, run } from './command.ts';
import { Enclosure } from './enclosure.ts';
import { ensurePackages } from './packages.ts';

/** No engine of Docker can be had here. The message is one line that says why. */
export class DockerMissing extends Error {
  override readonly name = 'DockerMissing';
}

const engineReadyWithinMs = 300_000;
const commandWithinMs = 600_000;
/** That of Debian, whichever else is first on the PATH: the engine is of the same release. */
const docker = '/usr/bin/docker';

/** What the images of this repository are made from where nothing can be pulled: Debian with these packages, and this Node.js. */
const release = 'bookworm';
const packages = [
  ...['ca-certificates', 'nats-server', 'qemu-utils'],
  ...['mariadb-server-core', 'mariadb-client-core', 'mariadb-client'],
];
const idle = [
  './var/cache/*',
  './var/lib/apt/lists/*',
  './usr/share/doc/*',
  './usr/share/man/*',
  './usr/share/locale/*',
];

/**
 * Makes sure that a machine can run an engine of Docker, and containers in it, and that there is a base image. Throws `DockerMissing`.
 */
export async function ensureDocker(cacheDir: string, log: (line: string) => void): Promise<void> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    throw new DockerMissing('not run: the engine of Docker that it starts takes Linux, as root');
  try {
    await ensurePackages(['docker'], { log });
    await dockerBaseImage(cacheDir, log);
    await using engine = await DockerEngine.open();
    await engine.tryOut();
  } catch (error) {
    if (error instanceof DockerMissing) throw error;
    const { message } = error as Error;
    log(message);
    // Whatever it was: nothing of what is to be tested has been touched.
    throw new DockerMissing(`not run: no engine of Docker can be had here: ${message.split('\n', 1)[0]}`);
  }
}

/** The file with the image that all others are made from; made when it is not in the cache. */
export async function dockerBaseImage(cacheDir: string, log: (line: string) => void): Promise<string> {
  const version = createHash('sha256')
    .update([release, ...packages, process.version].join())
    .digest('hex')
    .slice(0, 12);
  const file = join(cacheDir, 'docker', `${release}-${version}.tar`);
  if (existsSync(file)) return file;
  log(`making a base image of Debian ${release}`);
  await mkdir(join(cacheDir, 'docker'), { recursive: true });
  const draft = await mkdtemp('/var/tmp/polyvirt-base-');
  try {
    const [system, archive] = [join(draft, 'system'), join(draft, 'base.tar')];
    const args = ['--variant=minbase', `--include=${packages.join()}`, release, system];
    await run('debootstrap', args, { timeoutMs: 20 * 60_000 });
    await copyFile(process.execPath, join(system, 'usr/local/bin/node'));
    await run('tar', ['-C', system, ...idle.map((path) => `--exclude=${path}`), '-cf', archive, '.'], {
      timeoutMs: commandWithinMs,
    });
    // One that was interrupted is not taken for a whole one.
    await run('cp', [archive, `${file}.new`], { timeoutMs: commandWithinMs });
    await rename(`${file}.new`, file);
    return file;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/**
 * An engine of Docker apart from the machine: with a network, processes, files and a libvirt of its own, all of which end with it.
 * Nothing in it reaches anybody outside, nor is reached.
 */
export class DockerEngine implements AsyncDisposable {
  readonly #enclosure: Enclosure;
  readonly #data: string;
  readonly #cgroup: string;

  private constructor(enclosure: Enclosure, data: string, cgroup: string) {
    this.#enclosure = enclosure;
    this.#data = data;
    this.#cgroup = cgroup;
  }

  /** Resolves when it takes commands. Throws `DockerMissing` when it does not come up. */
  static async open(): Promise<DockerEngine> {
    // On a disk: layers are laid over each other, which not every file system can.
    const data = await mkdtemp('/var/tmp/polyvirt-docker-');
    const cgroup = `polyvirt-docker-${randomBytes(4).toString('hex')}`;
    const log = join(data, 'engine.log');
    const args = [
      ...[
        '--data-root',
        join(data, 'data'),
        '--cgroup-parent',
        `/${cgroup}`,
        '--exec-opt',
        'native.cgroupdriver=cgroupfs',
      ],
      // Of the networks that are for examples.
      ...['--bip', '198.51.100.1/24', '--default-address-pool', 'base=198.18.0.0/16,size=24'],
    ];
    const enclosure = await Enclosure.open('sh', [
      '-c',
      'log=$1; shift; exec dockerd "$@" >"$log" 2>&1',
      'sh',
      log,
      ...args,
    ]);
    const engine = new DockerEngine(enclosure, data, cgroup);
    try {
      await engine.#ready(log);
      return engine;
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  /** What is below /run beside the engine is below `run` in here. */
  get folder(): string {
    return this.#enclosure.folder;
  }

  /** Has programs outside speak to the engine. */
  get env(): NodeJS.ProcessEnv {
    return {
      DOCKER_HOST: `unix://${join(this.folder, 'run/docker.sock')}`,
      DOCKER_CONFIG: join(this.#data, 'client'),
      // Of the folder that images are made from only what is new is sent; the client of Debian can do that by itself.
      DOCKER_BUILDKIT: '1',
      COMPOSE_DOCKER_CLI_BUILD: '1',
      PATH: `/usr/bin:${process.env['PATH']}`,
    };
  }

  /** Runs the client, and answers what it prints. */
  docker(...args: string[]): Promise<string> {
    return run(docker, args, { env: this.env, timeoutMs: commandWithinMs });
  }

  /** Runs a program beside the engine: in its network, among its processes and with its libvirt. */
  run(program: string, args: readonly string[]): Promise<string> {
    return this.#enclosure.run(program, args);
  }

  /** What nsenter takes before a program that is to run beside the engine. */
  inside(): Promise<string[]> {
    return this.#enclosure.inside();
  }

  /** Starts a libvirt beside it, with the usual network. */
  async startLibvirt(): Promise<void> {
    const module = JSON.stringify(pathToFileURL(join(import.meta.dirname, 'libvirt.ts')).href);
    const program = `const { ensureLibvirt } = await import(${module}); await ensureLibvirt({ log: () => undefined });`;
    await this.run(process.execPath, ['--input-type=module', '--eval', program]);
  }

  /** Runs a container of next to nothing. Rejects where none can. */
  async tryOut(): Promise<void> {
    const archive = join(this.#data, 'least.tar');
    await run('tar', ['-C', '/usr/bin', '-cf', archive, 'tini-static'], { timeoutMs: commandWithinMs });
    await this.docker('import', archive, 'least');
    await this.docker('run', '--rm', '--init', 'least', '/tini-static', '--version');
    await this.docker('image', 'rm', 'least');
  }

  /** Ends everything in it, and forgets it. */
  async close(): Promise<void> {
    await this.#enclosure.close();
    await rm(this.#data, { recursive: true, force: true, maxRetries: 10 });
    // Those inside go first.
    const groups = globSync(`/sys/fs/cgroup{,/*}/${this.#cgroup}{,/*}`).sort().reverse();
    for (const folder of groups) await rmdir(folder).catch(() => undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #ready(log: string): Promise<void> {
    const { child } = this.#enclosure;
    const deadline = Date.now() + engineReadyWithinMs;
    for (;;) {
      try {
        await this.docker('version');
        return;
      } catch (error) {
        if (!(error instanceof CommandFailed)) throw error;
      }
      if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) break;
      await delay(200);
    }
    const lines = (await run('tail', ['-n', '3', log]).catch(() => '')).trim().split('\n');
    throw new DockerMissing(`not run: no engine of Docker comes up here: ${lines.at(-1)}`);
  }
}
