import type { FakeDriverOptions } from '@polyvirt/hypervisor';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AgentConfig } from '../settings.ts';
import type { AgentProcessOptions } from './agent-process.ts';
import { bundled } from './bundle.ts';
import type { KillOrder } from './kill-orders.ts';

const program = fileURLToPath(new URL('./agent-process.ts', import.meta.url));
/** Most of the time that suites with processes take is their start. */
const compiled = fileURLToPath(new URL('../../../../node_modules/.cache/agents', import.meta.url));

/** An agent in a process of its own. */
export class AgentChild {
  /** What it has logged. */
  output = '';
  readonly #process: ChildProcess;
  readonly #exit: Promise<unknown>;

  private constructor(process: ChildProcess) {
    this.#process = process;
    this.#exit = once(process, 'exit');
    process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
    });
  }

  /** Begins to start one on a fake host; the host's state is `host.json` of the folder. */
  static spawn(folder: string, config: AgentConfig, driver: FakeDriverOptions = {}): AgentChild {
    const options: AgentProcessOptions = { config, driver: { file: join(folder, 'host.json'), ...driver } };
    return AgentChild.run(program, options);
  }

  /**
   * Begins to start one by a program of its own, a source file that has been built. It gets `options` as JSON in its first
   * argument and says `ready` to its parent.
   */
  static run(program: string, options: unknown): AgentChild {
    const built = program.replace(/^(.*)\/src\/(.*)\.ts$/, '$1/dist/$2.js');
    const child = fork(bundled(built), [JSON.stringify(options)], {
      execArgv: ['--enable-source-maps'],
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      env: { ...process.env, NODE_OPTIONS: '', NODE_COMPILE_CACHE: compiled },
    });
    return new AgentChild(child);
  }

  /** Resolves when it is at work; throws what it has logged when it ends before. */
  async ready(): Promise<this> {
    const isReady = await Promise.race([
      once(this.#process, 'message').then(() => true),
      this.exited.then(() => false),
    ]);
    if (!isReady) throw new Error(`the agent ended before it had begun:\n${this.output}`);
    return this;
  }

  get isAlive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Resolves with the exit code, null when it was killed. */
  get exited(): Promise<number | null> {
    return this.#exit.then(() => this.#process.exitCode);
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.isAlive) this.#process.kill(signal);
    return this.exited;
  }

  /** Has it die at one of its next writes. */
  async order(order: KillOrder): Promise<void> {
    const obeyed = once(this.#process, 'message');
    this.#process.send(order);
    await obeyed;
  }
}
