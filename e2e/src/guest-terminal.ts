import { once } from 'node:events';
import type { Client } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import { patienceMs } from './requests.ts';

/** A shell that has printed nothing for so long waits for Enter. */
const silentMs = 1_000;

/** Somebody at the text console of a machine, whose guest offers a shell there. */
export class GuestTerminal {
  /** Why the other side ended it. */
  readonly closed: Promise<string>;
  printed = '';
  #marks = 0;

  private constructor(private readonly socket: WebSocket) {
    socket.addEventListener('message', ({ data }) => {
      this.printed += Buffer.from(data as ArrayBuffer).toString('latin1');
    });
    this.closed = new Promise((resolve) => {
      socket.addEventListener('close', ({ reason }) => resolve(reason));
    });
  }

  /** A host that is too busy to answer in time is asked again. */
  static open(client: Client, vmId: string): Promise<GuestTerminal> {
    return eventually(async () => {
      const body = { kind: 'text' as const };
      const { data } = await client.POST('/api/v1/vms/{vmId}/console', { params: { path: { vmId } }, body });
      const socket = new WebSocket(new URL(data.url, client.url.replace('http', 'ws')));
      socket.binaryType = 'arraybuffer';
      const terminal = new GuestTerminal(socket);
      const failed = once(socket, 'error').then(() => Promise.reject(new Error('the console did not open')));
      await Promise.race([once(socket, 'open'), failed]);
      return terminal;
    }, patienceMs);
  }

  /** Resolves when the shell waits for a command. */
  async prompt(withinMs = patienceMs): Promise<void> {
    let askedAt = Date.now();
    await eventually(() => {
      // The shell asks where its cursor is, which a real terminal answers.
      if (/# $/.test(this.printed.replaceAll('\u001b[6n', ''))) return;
      if (Date.now() - askedAt > silentMs) {
        askedAt = Date.now();
        this.type('\r');
      }
      throw new Error(`no prompt after ${JSON.stringify(this.printed.slice(-500))}`);
    }, withinMs);
  }

  /** What a command prints; it has to succeed. */
  async run(command: string): Promise<string> {
    await this.prompt();
    const mark = (this.#marks += 1);
    const from = this.printed.length;
    // The echo of what is typed holds neither mark.
    this.type(`echo be""gin-${mark}; ${command}; echo e""nd-${mark}-$?\r`);
    return eventually(() => {
      const found = new RegExp(`begin-${mark}\\r\\n([^]*)end-${mark}-(\\d+)`).exec(this.printed.slice(from));
      if (!found) throw new Error(`${command}: ${JSON.stringify(this.printed.slice(from))}`);
      if (found[2] !== '0') throw new Error(`${command} ended with ${found[2]}: ${found[1]}`);
      return found[1]!.replaceAll('\r\n', '\n').trim();
    }, patienceMs);
  }

  type(text: string): void {
    this.socket.send(Buffer.from(text));
  }

  async leave(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}
