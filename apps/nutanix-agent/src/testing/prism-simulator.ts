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

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const BIN = join(ROOT, 'simulators/prism/bin/prism-simulator');
const MAIN = join(ROOT, 'simulators/prism/dist/main.js');
/** What a start has made and the next can use: compiled code, and the certificate, whose key takes a while to find. */
const CACHE = join(ROOT, 'node_modules/.cache/prism-simulator');
const LIST_LENGTH = 500;

/** Every delay is multiplied by it: 0 and 10 show which tests lean on how long something takes. */
const TIME_SCALE = Number(process.env['POLYVIRT_TEST_TIME_SCALE'] ?? 1);

export type Knobs = Readonly<Record<string, unknown>>;

export interface SimulatorFault {
  readonly method?: string;
  readonly path?: string;
  /** Of the task, or of the task that a call is about. */
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
const fast: Knobs = {
  'latency.scale': 0,
  'latency.request': [0, 0],
  'guest.addressDelay': [0, 0],
  'delays.scale': TIME_SCALE,
};

/** The Prism simulator in a process of its own, on a folder of its own, with a client that stands for Prism's own console. */
export class PrismSimulator {
  readonly username = 'admin';
  readonly password = 'nutanix/4u';
  /** How often it was started again after it had died. */
  revivals = 0;
  #child: ChildProcess;
  #exit: Promise<unknown>;
  #url = '';
  #controlUrl = '';
  #certificate = '';
  #agent: Agent | undefined;
  #isHeld = false;

  private constructor(
    readonly folder: string,
    private readonly setup: SimulatorSetup,
  ) {
    this.#child = this.#spawn('0');
    this.#exit = once(this.#child, 'exit');
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
    this.revivals += 1;
    this.#isHeld = false;
    await this.#agent?.destroy();
    this.#child = this.#spawn(new URL(this.#url).port);
    this.#exit = once(this.#child, 'exit');
    await this.#ready();
  }

  /** A supervisor that starts it again whenever it dies during the work. */
  async supervise<Result>(work: Promise<Result>): Promise<Result> {
    let isDone = false;
    const end = work.catch(() => undefined).then(() => (isDone = true));
    while (!isDone) {
      await Promise.race([end, this.#exit]);
      await this.revive();
    }
    return work;
  }

  async stop(): Promise<void> {
    if (this.isAlive) this.#child.kill('SIGTERM');
    await this.#exit;
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

  /** All of a kind, or those that a filter of v3 lets through. */
  async list(path: string, filter?: string): Promise<JsonObject[]> {
    const all: JsonObject[] = [];
    for (;;) {
      const wish = { length: LIST_LENGTH, offset: all.length, ...(filter === undefined ? {} : { filter }) };
      const page = objectsAt(await this.v3('POST', `/${path}/list`, wish), 'entities');
      all.push(...page);
      if (page.length < LIST_LENGTH) return all;
    }
  }

  /** Tasks that have not ended. */
  openTasks(): Promise<JsonObject[]> {
    return this.list('tasks', 'status=in=QUEUED|RUNNING|SUSPENDED');
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

  /** Answers its id. */
  async fault(fault: SimulatorFault): Promise<string> {
    return textAt(await this.control('POST', '/faults', fault), 'id') ?? '';
  }

  /** Resolves when the fault has met so many of its calls; throws when it is taken away, or Prism dies, before. */
  async struck(fault: string, times = 1): Promise<void> {
    await this.control('GET', `/faults/${fault}/struck?times=${times}`);
  }

  /** From now on tasks, guests and whatever else takes time stand still, also what takes none. */
  async holdClock(): Promise<void> {
    this.#isHeld = true;
    await this.control('PATCH', '/clock', { running: false });
  }

  async runClock(): Promise<void> {
    await this.control('PATCH', '/clock', { running: true });
    this.#isHeld = false;
  }

  /** Lets the clock pass so many milliseconds at once. */
  async advance(ms: number): Promise<void> {
    await this.control('POST', '/clock/advance', { ms });
  }

  /** Lets the clock pass on until no task is under way. */
  async endTasks(): Promise<void> {
    await this.control('POST', '/clock/advance', { to: 'end-of-tasks' });
  }

  /** Knobs and faults as they were at the start, and the clock running. */
  async reset(): Promise<void> {
    await this.control('DELETE', '/faults');
    await this.control('PUT', '/knobs', { ...fast, ...this.setup.knobs });
    if (this.#isHeld) await this.runClock();
  }

  #spawn(port: string): ChildProcess {
    const { folder } = this;
    const ports = ['--port', port, '--control-port', '0'];
    const places = ['--data-dir', folder, '--tls-dir', join(CACHE, 'tls'), '--knobs', join(folder, 'knobs.json')];
    return spawn(process.execPath, [BIN, ...ports, ...places, ...(this.setup.args ?? [])], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '', NODE_COMPILE_CACHE: join(CACHE, 'code') },
    });
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
