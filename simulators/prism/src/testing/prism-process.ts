import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Json, JsonObject } from '../json.ts';
import type { Knobs } from '../knobs/knob-table.ts';
import type { Fault } from '../knobs/fault.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The JSON of the body; an empty object when it is none. */
  readonly body: JsonObject;
}

export interface Setup {
  readonly knobs?: Partial<Knobs>;
  readonly faults?: readonly Omit<Fault, 'id'>[];
  readonly args?: readonly string[];
  /** A folder that is kept when the process ends; else one is made and removed. */
  readonly dataDir?: string;
  /** A certificate of its own in its folder, not the one that tests share. */
  readonly ownCertificate?: true;
}

interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly auth?: string | false;
  readonly raw?: Buffer | string;
  readonly signal?: AbortSignal;
}

const BIN = fileURLToPath(new URL('../../bin/prism-simulator', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** What a start has made and the next can use: compiled code, and the certificate, whose key takes a while to find. */
const CACHE = fileURLToPath(new URL('../../../../node_modules/.cache/prism-simulator', import.meta.url));

/** Every delay is multiplied by it: 0 and 10 show which tests lean on how long something takes. */
const TIME_SCALE = Number(process.env['POLYVIRT_TEST_TIME_SCALE'] ?? 1);

/** Nothing takes time, so that a test waits for conditions alone. */
const FAST: Partial<Knobs> = { 'latency.scale': 0, 'latency.request': [0, 0], 'delays.scale': TIME_SCALE };

export const TERMINAL = ['SUCCEEDED', 'FAILED', 'ABORTED', 'CANCELED'];

const started = new Set<PrismProcess>();

/** Ends every process that a test file started, also those of tests that ran out of time. */
export async function stopAll(): Promise<void> {
  await Promise.all([...started].map((process) => process.stop()));
}

/** A simulator in a process of its own, and a client that pins its certificate. */
export class PrismProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
    readonly controlUrl: string,
    readonly certificate: string,
    readonly dataDir: string,
    private readonly setup: Setup,
    readonly errors: string[],
  ) {
    this.agent = new Agent({ ca: certificate, keepAlive: true });
    started.add(this);
  }

  private readonly agent: Agent;
  private isHeld = false;

  static async start(setup: Setup = {}): Promise<PrismProcess> {
    if (!existsSync(MAIN)) throw new Error('build first: npx tsc -b simulators/prism');
    const dataDir = setup.dataDir ?? mkdtempSync(join(tmpdir(), 'prism-simulator-'));
    const knobFile = join(dataDir, 'knobs.json');
    writeFileSync(knobFile, JSON.stringify({ knobs: { ...FAST, ...setup.knobs }, faults: setup.faults ?? [] }));
    const places = ['--data-dir', dataDir, ...(setup.ownCertificate ? [] : ['--tls-dir', join(CACHE, 'tls')])];
    const ports = ['--port', '0', '--control-port', '0'];
    const child = spawn(process.execPath, [BIN, ...ports, ...places, '--knobs', knobFile, ...(setup.args ?? [])], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '', NODE_COMPILE_CACHE: join(CACHE, 'code') },
    });
    const errors: string[] = [];
    child.stderr.on('data', (bytes: Buffer) => errors.push(bytes.toString()));
    const said = new Map<string, string>();
    for await (const line of createInterface(child.stdout)) {
      const match = /^(ca certificate:|control on|listening on) (.+)$/.exec(line);
      if (match !== null) said.set(match[1]!, match[2]!);
      if (match?.[1] === 'listening on') break;
    }
    const url = said.get('listening on');
    if (url === undefined) throw new Error(`the simulator did not start: ${errors.join('')}`);
    const certificate = readFileSync(said.get('ca certificate:') ?? '', 'utf8');
    return new PrismProcess(child, url, said.get('control on') ?? '', certificate, dataDir, setup, errors);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Resolves with the signal that ended the process, or null. */
  async ended(): Promise<string | null> {
    if (this.isRunning) await once(this.child, 'exit');
    return this.child.signalCode;
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.isRunning) {
      this.child.kill(signal);
      await this.ended();
    }
    this.agent.destroy();
  }

  async stop(): Promise<void> {
    await this.kill('SIGTERM');
    started.delete(this);
    if (this.setup.dataDir === undefined) rmSync(this.dataDir, { recursive: true, force: true });
  }

  call(method: string, path: string, body?: Json, options: CallOptions = {}): Promise<Answer> {
    const auth = options.auth ?? 'admin:nutanix/4u';
    const wanted: RequestOptions = {
      method,
      agent: this.agent,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      headers: {
        ...(auth === false ? {} : { authorization: `Basic ${Buffer.from(auth).toString('base64')}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
    };
    return new Promise((resolve, reject) => {
      const sent = request(new URL(path, this.url), wanted, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body: parsed(text) });
        });
      });
      sent.on('error', reject);
      sent.end(options.raw ?? (body === undefined ? undefined : JSON.stringify(body)));
    });
  }

  v3(method: string, path: string, body?: Json, options?: CallOptions): Promise<Answer> {
    return this.call(method, `/api/nutanix/v3${path}`, body, options);
  }

  async control(method: string, path: string, body?: Json): Promise<JsonObject> {
    const response = await fetch(`${this.controlUrl}${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as JsonObject;
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Knobs and faults as they were at the start, and the clock running. */
  async reset(): Promise<void> {
    await this.control('DELETE', '/faults');
    await this.control('PUT', '/knobs', { ...FAST, ...this.setup.knobs } as JsonObject);
    if (this.isHeld) await this.runClock();
  }

  /** From now on tasks, guests and whatever else takes time stand still, also what takes none. */
  async holdClock(): Promise<void> {
    this.isHeld = true;
    await this.control('PATCH', '/clock', { running: false });
  }

  async runClock(): Promise<void> {
    await this.control('PATCH', '/clock', { running: true });
    this.isHeld = false;
  }

  /** Lets the clock pass so many milliseconds at once. */
  async advance(ms: number): Promise<void> {
    await this.control('POST', '/clock/advance', { ms });
  }

  /** Lets the clock pass on until no task is under way. */
  async endTasks(): Promise<void> {
    await this.control('POST', '/clock/advance', { to: 'end-of-tasks' });
  }

  /** The time of the simulator. */
  async now(): Promise<number> {
    return Date.parse(String((await this.control('GET', '/clock'))['now']));
  }

  knobs(settings: Partial<Knobs>): Promise<JsonObject> {
    return this.control('PATCH', '/knobs', settings as JsonObject);
  }

  /** Answers its id. */
  async fault(fault: Omit<Fault, 'id'>): Promise<string> {
    return String((await this.control('POST', '/faults', fault as unknown as JsonObject))['id']);
  }

  /** Resolves when the fault has met so many of its calls. */
  async struck(id: string, times = 1): Promise<void> {
    await this.control('GET', `/faults/${id}/struck?times=${times}`);
  }

  /** The task once it has ended, by long poll. */
  async task(uuid: string): Promise<JsonObject> {
    for (;;) {
      const { body } = await this.v3('POST', '/tasks/poll', { task_uuid_list: [uuid], poll_timeout_seconds: 30 });
      const [task] = body['entities'] as JsonObject[];
      if (task !== undefined && TERMINAL.includes(String(task['status']))) return task;
      if (task === undefined) throw new Error(`no task ${uuid}: ${JSON.stringify(body)}`);
    }
  }

  /** Ends the task of an accepted v3 write and returns it. */
  async done(answer: Answer): Promise<JsonObject> {
    if (answer.status !== 202) throw new Error(`not accepted: ${answer.status} ${answer.text}`);
    return this.task(taskUuidOf(answer.body));
  }

  /** UUID of an entity by its name. */
  async named(kind: string, name: string): Promise<string> {
    const { body } = await this.v3('POST', `/${kind}s/list`, { length: 500 });
    for (const entity of body['entities'] as JsonObject[]) {
      const status = entity['status'] as JsonObject;
      if (status['name'] === name) return String((entity['metadata'] as JsonObject)['uuid']);
    }
    throw new Error(`no ${kind} ${name}`);
  }
}

export function taskUuidOf(body: JsonObject): string {
  if (typeof body['task_uuid'] === 'string') return body['task_uuid'];
  const status = body['status'] as JsonObject;
  return String((status['execution_context'] as JsonObject)['task_uuid']);
}

function parsed(text: string): JsonObject {
  try {
    return (JSON.parse(text) as JsonObject | null) ?? {};
  } catch {
    // Plain-text answers have no JSON to look at; tests read their text.
    return {};
  }
}
