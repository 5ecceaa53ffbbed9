import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { testCertificates } from './test-certificates.ts';

const START_TIMEOUT_MS = 30_000;
/** The user `nobody`: as root, libvirtd would be the system's daemon and not one of its own. */
const UNPRIVILEGED = 65_534;

/**
 * A libvirtd of its own, which a test may stop and start: a per-user daemon with its own folders, which listens on a
 * Unix socket, on TCP and on TLS.
 */
export class PrivateDaemon {
  readonly socketPath: string;
  readonly tcpPort: number;
  readonly tlsPort: number;
  private readonly directory: string;
  private child: ChildProcess | undefined;
  private output = '';

  private constructor(directory: string, tcpPort: number, tlsPort: number) {
    this.directory = directory;
    this.socketPath = join(directory, 'run/libvirt/libvirt-sock');
    this.tcpPort = tcpPort;
    this.tlsPort = tlsPort;
  }

  static async create(): Promise<PrivateDaemon> {
    const directory = await mkdtemp('/var/tmp/private-libvirt-');
    const daemon = new PrivateDaemon(directory, await freePort(), await freePort());
    const settings = {
      listen_tcp: 1,
      listen_tls: 1,
      listen_addr: '127.0.0.1',
      tcp_port: String(daemon.tcpPort),
      tls_port: String(daemon.tlsPort),
      auth_unix_rw: 'none',
      auth_tcp: 'none',
      auth_tls: 'none',
      ca_file: join(directory, 'ca.pem'),
      cert_file: join(directory, 'cert.pem'),
      key_file: join(directory, 'key.pem'),
      tls_no_sanity_certificate: 1,
      keepalive_interval: 1,
      keepalive_count: 3,
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`);
    await writeFile(join(directory, 'libvirtd.conf'), lines.join(''));
    await writeFile(join(directory, 'ca.pem'), testCertificates.ca);
    await writeFile(join(directory, 'cert.pem'), testCertificates.serverCert);
    await writeFile(join(directory, 'key.pem'), testCertificates.serverKey);
    const folders = ['run', 'cache', 'config', 'config/libvirt'].map((name) => join(directory, name));
    for (const folder of folders) await mkdir(folder);
    // Otherwise QEMU's output goes through a virtlogd that outlives the test.
    await writeFile(join(directory, 'config/libvirt/qemu.conf'), 'stdio_handler = "file"\n');
    if (process.getuid?.() === 0) {
      for (const path of [directory, ...folders, join(directory, 'key.pem')])
        await chown(path, UNPRIVILEGED, UNPRIVILEGED);
    }
    return daemon;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const { directory } = this;
    const pidFile = join(directory, 'pid');
    const child = spawn('libvirtd', ['--config', join(directory, 'libvirtd.conf'), '--pid-file', pidFile, '--listen'], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: directory,
        XDG_RUNTIME_DIR: join(directory, 'run'),
        XDG_CACHE_HOME: join(directory, 'cache'),
        XDG_CONFIG_HOME: join(directory, 'config'),
      },
      ...(process.getuid?.() === 0 ? { uid: UNPRIVILEGED, gid: UNPRIVILEGED } : {}),
    });
    this.child = child;
    const keep = (text: Buffer): void => void (this.output = (this.output + text).slice(-2_000));
    child.stdout!.on('data', keep);
    child.stderr!.on('data', keep);
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await this.listens())) {
      if (child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`These tests need libvirtd to run one of their own, and it does not start: ${this.output}`);
      }
      await setTimeout(20);
    }
  }

  /** Resolves when the process is gone. Its domains go on. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.child;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    // A stopped process takes no other signal.
    child.kill('SIGCONT');
    await exited;
  }

  /** Stops it from answering without closing anything. */
  freeze(): void {
    this.child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.child?.kill('SIGCONT');
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  private async listens(): Promise<boolean> {
    const socket = net.connect(this.socketPath);
    try {
      await once(socket, 'connect');
      return true;
    } catch {
      return false;
    } finally {
      socket.destroy();
    }
  }
}

/** One below those that systems give to outgoing connections: nobody takes it while the daemon is away. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 32_000);
    const server = net.createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch {
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}
