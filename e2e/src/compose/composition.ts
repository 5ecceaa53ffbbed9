import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient, type Client } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import { dockerBaseImage, DockerEngine, ensureTinyLinux, imageCache, packImages, root, run } from '@polyvirt/tools';

/** How long something may take on the slowest machine. */
export const patienceMs = 300_000;
/** By which other machines reach the one of the engine. */
const address = '192.0.2.10';
const base = 'polyvirt-base';

/** docker-compose.yml on an engine of its own, as README says that it is started. */
export class Composition {
  readonly #engine: DockerEngine;
  readonly #server: Server;
  /** What docker-compose was told. */
  readonly commands = new Set<string>();
  #forward: ChildProcess | undefined;

  private constructor(engine: DockerEngine, server: Server) {
    this.#engine = engine;
    this.#server = server;
  }

  /** Starts the engine, with a libvirt beside it, and builds all images. */
  static async open(): Promise<Composition> {
    const archive = await dockerBaseImage(imageCache, () => undefined);
    const engine = await DockerEngine.open();
    const socket = join(engine.folder, 'gateway.sock');
    const server = createServer((client) => {
      const inner = connect(socket);
      client.pipe(inner).pipe(client);
      client.on('error', () => inner.destroy());
      inner.on('error', () => client.destroy());
    });
    const composition = new Composition(engine, server);
    try {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      await engine.run('ip', ['addr', 'add', `${address}/32`, 'dev', 'lo']);
      await Promise.all([composition.#prepareLibvirt(), composition.#build(archive)]);
      return composition;
    } catch (error) {
      await composition.close();
      throw error;
    }
  }

  /** Runs docker-compose, as on the machine of the engine; `project` is another one's. */
  compose(args: readonly string[], { project = 'polyvirt', env = {} }: ComposeOptions = {}): Promise<string> {
    // Without a terminal it wants to be told so.
    this.commands.add(args.filter((arg) => arg !== '-T').join(' '));
    return run('/usr/bin/docker-compose', ['--project-directory', root, '--project-name', project, ...args], {
      cwd: root,
      env: {
        ...this.#engine.env,
        POLYVIRT_BASE_IMAGE: base,
        POLYVIRT_ADDRESS: address,
        POLYVIRT_IMAGE_PATH: this.#images,
        ...env,
      },
      timeoutMs: 4 * patienceMs,
    });
  }

  docker(...args: string[]): Promise<string> {
    return this.#engine.docker(...args);
  }

  /** For files of a test; it is gone afterwards. */
  get folder(): string {
    return this.#engine.folder;
  }

  /** For programs that speak to the engine. */
  get env(): NodeJS.ProcessEnv {
    return this.#engine.env;
  }

  /** Resolves when every container that is to run is healthy. */
  async healthy(): Promise<void> {
    try {
      await eventually(async () => {
        const shown = await this.docker('ps', '--format', '{{.Names}}: {{.Status}}');
        const ill = shown.split('\n').filter((line) => line !== '' && !line.includes('(healthy)'));
        if (ill.length === 0 && shown !== '') return;
        // Each look is a process of its own, and health checks are seconds apart.
        await delay(500);
        throw new Error(`not healthy: ${ill.join('; ')}`);
      }, patienceMs);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${await this.#said()}`, { cause: error });
    }
  }

  /** The administrator. The certificate of the gateway is verified by the authority that `init` shows. */
  async admin(): Promise<Client> {
    const [authority, password] = await Promise.all([this.init('authority'), this.init('admin-password')]);
    const file = join(this.#engine.folder, 'authority.pem');
    await writeFile(file, authority);
    if (!this.#forward) {
      const socket = join(this.#engine.folder, 'gateway.sock');
      const args = [join(import.meta.dirname, 'forward.mjs'), socket, '8443', file];
      this.#forward = spawn('nsenter', [...(await this.#engine.inside()), process.execPath, ...args]);
      await eventually(() => {
        if (!existsSync(socket)) throw new Error('nobody passes on what is sent to the gateway');
      }, patienceMs);
    }
    const { port } = this.#server.address() as AddressInfo;
    return createClient({ url: `http://127.0.0.1:${port}`, username: 'admin', password });
  }

  /** What the service `init` prints. */
  async init(command: string): Promise<string> {
    return (await this.compose(['run', '--rm', '-T', 'init', command])).trim();
  }

  async close(): Promise<void> {
    this.#forward?.kill('SIGKILL');
    this.#server.close();
    await this.#engine.close();
  }

  get #images(): string {
    return join(this.#engine.folder, 'images');
  }

  async #prepareLibvirt(): Promise<void> {
    await this.#engine.startLibvirt();
    await mkdir(this.#images);
    await chmod(this.#images, 0o755);
    const target = join(this.#images, 'tiny-linux.qcow2');
    await ensureTinyLinux({ cacheDir: imageCache, target, log: () => undefined });
  }

  async #build(archive: string): Promise<void> {
    await Promise.all([packImages(), this.docker('import', archive, base)]);
    await this.compose(['build']);
  }

  /** The last lines of all containers. */
  async #said(): Promise<string> {
    const names = (await this.docker('ps', '-a', '--format', '{{.Names}}')).split('\n').filter(Boolean);
    const logs = names.map(async (name) => `--- ${name}\n${await this.#logOf(name)}`);
    return (await Promise.all(logs)).join('\n');
  }

  /** Both streams. */
  #logOf(name: string): Promise<string> {
    const env = this.#engine.env;
    return run('sh', ['-c', '/usr/bin/docker logs --tail 8 "$1" 2>&1', 'sh', name], { env }).catch(String);
  }
}

interface ComposeOptions {
  readonly project?: string;
  readonly env?: NodeJS.ProcessEnv;
}
