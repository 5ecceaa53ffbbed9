import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '@polyvirt/bus/testing';
import { freePort, packAgent, packServer } from '@polyvirt/tools';
import type { OtherNetwork } from './other-network.ts';

export interface Ended {
  readonly exitCode: number | null;
  readonly text: string;
}

/** A program that was started. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  text(): string;
}

const readyWithinMs = 120_000;

/**
 * `polyvirt-server` and `polyvirt-agent` as users install them, from their tarballs and without the repository; the server on this
 * machine, with a nats-server of its own, the agent on the other side of a network.
 */
export class Installation {
  readonly folder = mkdtempSync(join(tmpdir(), 'polyvirt-across-'));
  readonly data = join(this.folder, 'data');
  readonly #running: Running[] = [];
  readonly #env = {
    PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
    HOME: this.folder,
  };
  #port = 0;
  #natsPort = 0;
  nats: Running | undefined;

  constructor(readonly network: OtherNetwork) {}

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return this.#port;
  }

  get natsPort(): number {
    return this.#natsPort;
  }

  get authority(): string {
    return readFileSync(join(this.data, 'tls/ca.pem'), 'utf8');
  }

  get firstPassword(): string {
    return readFileSync(join(this.data, 'secrets/admin-password'), 'utf8').trim();
  }

  async install(): Promise<void> {
    const tarballs = [packServer(this.folder), packAgent(this.folder)];
    const install = ['i', '-g', '--prefix', this.folder, '--offline', '--omit=optional', '--no-audit', '--no-fund'];
    await promisify(execFile)('npm', [...install, ...tarballs], { cwd: this.folder, env: this.#env });
  }

  /** Sets the server up for its address on the link, and starts it; `trust` is called once it has an authority. */
  async start(trust: () => void): Promise<void> {
    this.#port = await freePort();
    this.#natsPort = await freePort();
    const ports = ['--port', String(this.#port), '--nats-port', String(this.#natsPort)];
    await this.server('init', '--name', this.network.here, ...ports).ended.then(requireDone);
    trust();
    // As fast as it can, whatever the machine.
    writeFileSync(join(this.data, 'gateway.env'), 'POLYVIRT_RATE_LIMIT=0\n');
    this.nats = this.#begin('setpriv', [
      ...['--pdeathsig', 'KILL', '--', 'nats-server', '-c', join(this.data, 'nats-server.conf')],
    ]);
    const services = [this.server('gateway'), this.server('organizer')];
    await eventually(async () => {
      const dead = services.find(({ child }) => child.exitCode !== null);
      const { ok } = await fetch(`${this.url}/readyz`);
      if (dead || !ok) throw new Error(`the server is not ready:\n${services.map(({ text }) => text()).join('\n')}`);
    }, readyWithinMs);
  }

  server(...args: string[]): Running {
    const program = join(this.folder, 'bin/polyvirt-server');
    return this.#begin('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args, '--data-dir', this.data]);
  }

  /** Runs `polyvirt-agent` on the other side; each folder of state is a machine of its own. */
  agent(state: string, args: readonly string[], settings: Record<string, string> = {}): Running {
    const program = join(this.folder, 'bin/polyvirt-agent');
    const [command, all] = this.network.inside(program, [...args, '--state', join(this.folder, state)]);
    return this.#begin(command, all, settings);
  }

  async close(): Promise<void> {
    // The last first: agents have a bus to leave.
    for (const { child, ended } of [...this.#running].reverse()) {
      child.kill('SIGTERM');
      const patience = setTimeout(() => child.kill('SIGKILL'), readyWithinMs);
      await ended;
      clearTimeout(patience);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  #begin(program: string, args: readonly string[], settings: Record<string, string> = {}): Running {
    const child = spawn(program, args, { cwd: this.folder, env: { ...this.#env, ...settings } });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)));
    const ended = once(child, 'close').then(([exitCode]): Ended => ({ exitCode: exitCode as number | null, text }));
    const running = { child, ended, text: () => text };
    this.#running.push(running);
    return running;
  }
}

export function requireDone({ exitCode, text }: Ended): string {
  if (exitCode !== 0) throw new Error(`it ended with ${exitCode}:\n${text}`);
  return text;
}
