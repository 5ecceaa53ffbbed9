import { once } from 'node:events';
import type { Client } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import { patienceMs } from './requests.ts';

/** Somebody at the text console of a machine. */
export class GuestTerminal {
  /** Why the other side ended it. */
  readonly closed: Promise<string>;

  private constructor(socket: WebSocket) {
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
      const terminal = new GuestTerminal(socket);
      const failed = once(socket, 'error').then(() => Promise.reject(new Error('the console did not open')));
      await Promise.race([once(socket, 'open'), failed]);
      return terminal;
    }, patienceMs);
  }
}
