import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { ProblemError } from '@polyvirt/contracts';

/** Connects to the VNC display of a VM; the signal bounds the connecting. Throws `host-rejected` when nothing answers. */
export async function connectVnc(address: NetConnectOpts, signal: AbortSignal): Promise<Socket> {
  const socket = connect(address);
  try {
    await once(socket, 'connect', { signal });
    return socket;
  } catch (error) {
    socket.destroy();
    throw new ProblemError('host-rejected', `The VNC display does not answer: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
