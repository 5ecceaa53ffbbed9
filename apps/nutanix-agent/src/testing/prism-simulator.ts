import { spawn, type ChildProcess } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { objectAt, objectsAt, textAt, type JsonObject } from '../client/json.ts';

const BIN = fileURLToPath(new URL('../../../../simulators/prism/bin/prism-simulator', import.meta.url));
const MAIN = fileURLToPath(new URL('../../../../simulators/prism/dist/main.js', import.meta.url));
const LIST_LENGTH = 500;

export type Knobs = Readonly<Record<string, unknown>>;

export interface SimulatorFault {
  readonly method?: string;
  readonly path?: string;
  readonly operation?: string;
  readonly skip?: number;
  readonly count?: number;
  readonly effect: Readonly<Record<string, unknown>>;
}

export interface SimulatorSetup {
  readonly knobs?: Knobs;
  readonly args?: readonly string[];
}

/** Tasks end at once, so that a test waits for conditions alone. */
const fast: Knobs = { 'latency.scale': 0, 'latency.request': [0, 0], 'guest.addressDelay': [0, 0] };

/** The Prism simulator in a process of its own, on a folder of its own, with a client that stands for Prism's own console. */
export class PrismSimulator {
  readonly username = 'admin';
  readonly password = 'nutanix/4u';
  #child: ChildProcess;
  #url = '';
  #controlUrl = '';
  #certificate = '';
  #agent: Agent | undefined;

  private constructor(
    readonly folder: string,
    private readonly setup: SimulatorSetup,
  ) {
    this.#child = this.#spawn('0');
  }

  static async start(setup: SimulatorSetup = {}): Promise<PrismSimulator> {
    if (!existsSync(MAIN)) throw new Error('build the simulator first: npx tsc -b simulators/prism');
    const folder = mkdtempSync(join(tmpdir(), 'polyvirt-prism-'));
    writeFileSync(join(folder, 'knobs.json'), JSON.stringify({ knobs: { ...fast, ...setup.knobs } }));
    const simulator = new PrismSimulator(folder, setup);
    await simulator.#ready();
    return simulator;
  }

  get url(): string {
    return this.#url;
  }

  /** PEM of its self-signed certificate. */
  get certificate(): string {
    return this.#certificate;
  }

  /** SHA-256 of the certificate. */
  get fingerprint(): string {
    return new X509Certificate(this.#certificate).fingerprint256;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it again on the same port and the same state, when a fault has killed it. */
  async revive(): Promise<void> {
    if (this.isAlive) return;
    await this.#agent?.destroy();
    this.#child = this.#spawn(new URL(this.#url).port);
    await this.#ready();
  }

  async stop(): Promise<void> {
    if (this.isAlive) {
      const exit = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      await exit;
    }
    await this.#agent?.destroy();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A call of v3 as its own console would make it. */
  async v3(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<JsonObject> {
    const { statusCode, body: answer } = await request(`${this.#url}/api/nutanix/v3${path}`, {
      method,
      dispatcher: this.#agent!,
      headers: {
        authorization: `Basic ${Buffer.from(`${this.username}:${this.password}`).toString('base64')}`,
        'content-type': 'application/json',
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await answer.text();
    if (statusCode >= 400) throw new Error(`${method} ${path}: ${statusCode} ${text}`);
    return text === '' ? {} : ((JSON.parse(text) as JsonObject | null) ?? {});
  }

  /** All of a kind. */
  async list(path: string): Promise<JsonObject[]> {
    return objectsAt(await this.v3('POST', `/${path}/list`, { length: LIST_LENGTH }), 'entities');
  }

  /** Waits for the task of a write. */
  async done(answer: JsonObject): Promise<JsonObject> {
    const context = objectAt(objectAt(answer, 'status'), 'execution_context');
    const uuid = textAt(answer, 'task_uuid') ?? textAt(context, 'task_uuid');
    const polled = await this.v3('POST', '/tasks/poll', { task_uuid_list: [uuid], poll_timeout_seconds: 30 });
    const [task] = objectsAt(polled, 'entities');
    if (task?.['status'] !== 'SUCCEEDED') throw new Error(`the task did not succeed: ${JSON.stringify(task)}`);
    return task;
  }

  /** Reads a VM, changes its spec and waits until it is so. */
  async edit(uuid: string, change: (spec: JsonObject) => void): Promise<void> {
    const vm = await this.v3('GET', `/vms/${uuid}`);
    const spec = objectAt(vm, 'spec');
    change(spec);
    await this.done(await this.v3('PUT', `/vms/${uuid}`, { metadata: vm['metadata'], spec }));
  }

  async control(method: string, path: string, body?: unknown): Promise<JsonObject> {
    const response = await fetch(`${this.#controlUrl}${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? {} : ((JSON.parse(text) as JsonObject | null) ?? {});
  }

  knobs(knobs: Knobs): Promise<JsonObject> {
    return this.control('PATCH', '/knobs', knobs);
  }

  fault(fault: SimulatorFault): Promise<JsonObject> {
    return this.control('POST', '/faults', fault);
  }

  /** Knobs and faults as they were at the start. */
  async reset(): Promise<void> {
    await this.control('DELETE', '/faults');
    await this.control('DELETE', '/knobs');
    await this.knobs({ ...fast, ...this.setup.knobs });
  }

  #spawn(port: string): ChildProcess {
    const { folder } = this;
    const common = ['--port', port, '--control-port', '0', '--data-dir', folder];
    const args = [BIN, ...common, '--knobs', join(folder, 'knobs.json'), ...(this.setup.args ?? [])];
    return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  }

  async #ready(): Promise<void> {
    const errors: string[] = [];
    this.#child.stderr!.on('data', (bytes: Buffer) => errors.push(bytes.toString()));
    const said = new Map<string, string>();
    for await (const line of createInterface(this.#child.stdout!)) {
      const match = /^(ca certificate:|control on|listening on) (.+)$/.exec(line);
      if (match) said.set(match[1]!, match[2]!);
      if (match?.[1] === 'listening on') break;
    }
    const url = said.get('listening on');
    if (url === undefined) throw new Error(`the simulator did not start: ${errors.join('')}`);
    this.#url = url;
    this.#controlUrl = said.get('control on') ?? '';
    this.#certificate = readFileSync(said.get('ca certificate:') ?? '', 'utf8');
    this.#agent = new Agent({ connect: { ca: this.#certificate } });
  }
}
