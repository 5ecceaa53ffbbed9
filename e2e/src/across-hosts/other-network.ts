import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { eventually } from '@polyvirt/bus/testing';
import { run } from '@polyvirt/tools';

const namespaceOf = (pid: number | 'self'): string => readlinkSync(`/proc/${pid}/ns/net`);

/**
 * A network of its own beside that of this machine, with one link between them; everything else of the machine is the same there.
 * It is gone, with its link, when the process that holds it ends. Linux, as root.
 */
export class OtherNetwork {
  readonly #holder: ChildProcess;
  readonly #link: string;
  /** Address of this machine on the link. */
  readonly here: string;
  /** Address of the other side. */
  readonly there: string;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
    this.#link = `pv${randomBytes(4).toString('hex')}`;
    // Of a range that is for measurements of networks and routed nowhere.
    const subnet = `198.18.${randomInt(256)}.${randomInt(64) * 4}`;
    const [a, b, c, d] = subnet.split('.').map(Number);
    this.here = `${a}.${b}.${c}.${d! + 1}`;
    this.there = `${a}.${b}.${c}.${d! + 2}`;
  }

  static async open(): Promise<OtherNetwork> {
    const holder = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'unshare', '--net', 'sleep', 'infinity'], {
      stdio: 'ignore',
    });
    await once(holder, 'spawn');
    const network = new OtherNetwork(holder);
    try {
      await eventually(() => {
        if (namespaceOf(holder.pid!) === namespaceOf('self')) throw new Error('the namespace is not there yet');
      });
      await network.#connect();
    } catch (error) {
      await network.close();
      throw error;
    }
    return network;
  }

  /** The command line that runs a program there; it ends with the process that starts it. */
  inside(program: string, args: readonly string[]): [string, string[]] {
    const enter = ['nsenter', '--target', String(this.#holder.pid), '--net', '--', program, ...args];
    return ['setpriv', ['--pdeathsig', 'KILL', '--', ...enter]];
  }

  async setLink(state: 'up' | 'down'): Promise<void> {
    await run('ip', ['link', 'set', this.#link, state]);
  }

  async close(): Promise<void> {
    if (this.#holder.exitCode !== null || this.#holder.signalCode !== null) return;
    const ended = once(this.#holder, 'exit');
    this.#holder.kill('SIGKILL');
    await ended;
  }

  async #connect(): Promise<void> {
    const peer = `${this.#link}n`;
    const inside = ['--target', String(this.#holder.pid), '--net', '--', 'ip'];
    await run('ip', [
      'link',
      'add',
      this.#link,
      'type',
      'veth',
      'peer',
      'name',
      peer,
      'netns',
      String(this.#holder.pid),
    ]);
    await run('ip', ['address', 'add', `${this.here}/30`, 'dev', this.#link]);
    await this.setLink('up');
    await run('nsenter', [...inside, 'address', 'add', `${this.there}/30`, 'dev', peer]);
    for (const device of ['lo', peer]) await run('nsenter', [...inside, 'link', 'set', device, 'up']);
  }
}
