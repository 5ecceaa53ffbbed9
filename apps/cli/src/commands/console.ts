import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { components } from '@polyvirt/api-client';
import { WebSocket } from 'ws';
import { call } from '../api.ts';
import { Exit, UsageError, type Command, type Invocation } from '../declaration.ts';
import { exitCodes } from '../exit-codes.ts';
import { findVm } from '../names.ts';
import { printable } from '../output/table.ts';
import { vmArgument } from './vm.ts';

/** Ctrl-]: nothing that a shell in the guest needs. */
const escape = 0x1d;
/** https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1 */
const closedInOrder = 1000;

export const consoleCommand: Command = {
  name: 'console',
  summary:
    'Open the text console of a VM, the terminal at its serial port (Ctrl-] leaves), or its screen for a viewer.',
  calls: ['POST /api/v1/vms/{vmId}/console'],
  args: [vmArgument],
  options: { viewer: { help: 'The screen: opens a local port for a VNC viewer, for one connection.' } },
  run: async (invocation) => {
    const { given, terminal, args } = invocation;
    const isText = !given.flag('viewer');
    if (isText && !process.stdin.isTTY)
      throw new UsageError('The text console needs a terminal; --viewer opens the screen.');
    const client = await invocation.client();
    const { id: vmId, name } = await findVm(client, args[0]!);
    const open = async () => {
      const body = { kind: isText ? 'text' : 'graphic' };
      const route = 'POST /api/v1/vms/{vmId}/console';
      const { data } = await call<components['schemas']['ConsoleTicket']>(client, route, { path: { vmId }, body });
      const address = new URL(data.url, client.url.replace(/^http/, 'ws'));
      const socket = new WebSocket(address, 'binary');
      // What comes along with the answer to the request waits for whoever is going to listen.
      socket.once('open', () => socket.pause());
      await once(socket, 'open');
      return socket;
    };
    if (!isText) return viewer(invocation, open);
    const socket = await open();
    terminal.tell(`Connected to ${name}; Ctrl-] leaves.`);
    const end = await raw(socket);
    if (end.hasLeft) return terminal.tell('\r\nDisconnected.');
    terminal.tell(`\r\nDisconnected: ${printable(end.reason) || 'the connection broke off.'}`);
    if (end.code !== closedInOrder) throw new Exit(exitCodes.failed.code);
  },
};

interface End {
  /** Whoever typed has left. */
  readonly hasLeft: boolean;
  readonly code: number;
  readonly reason: string;
}

/** Every key goes to the guest, Ctrl-C too. Resolves when one side has left. */
async function raw(socket: WebSocket): Promise<End> {
  const { stdin, stdout } = process;
  let hasLeft = false;
  const onKeys = (keys: Buffer) => {
    const end = keys.indexOf(escape);
    const typed = end < 0 ? keys : keys.subarray(0, end);
    if (typed.length > 0) socket.send(typed);
    if (end < 0) return;
    hasLeft = true;
    socket.close();
  };
  stdin.setRawMode(true);
  stdin.on('data', onKeys);
  socket.on('message', (data: Buffer) => stdout.write(data));
  socket.resume();
  try {
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    return { hasLeft, code, reason: reason.toString() };
  } finally {
    stdin.off('data', onKeys);
    stdin.setRawMode(false);
    stdin.pause();
  }
}

async function viewer({ terminal }: Invocation, open: () => Promise<WebSocket>): Promise<void> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  terminal.print(`vnc://127.0.0.1:${port}`);
  terminal.tell(`Waiting for one viewer, such as: remote-viewer vnc://127.0.0.1:${port}`);
  const interrupt = () => server.close();
  process.once('SIGINT', interrupt);
  const connection = await Promise.race([once(server, 'connection'), once(server, 'close').then(() => undefined)]);
  process.off('SIGINT', interrupt);
  if (!connection) throw new Exit(exitCodes.interrupted.code);
  server.close();
  const peer = connection[0] as Socket;
  const early: Buffer[] = [];
  peer.on('data', (bytes: Buffer) => early.push(bytes));
  const socket = await open();
  peer.removeAllListeners('data');
  for (const bytes of early) socket.send(bytes);
  peer.on('data', (bytes: Buffer) => socket.send(bytes));
  peer.on('close', () => socket.close());
  peer.on('error', () => socket.close());
  socket.on('message', (data: Buffer) => peer.write(data));
  socket.resume();
  await once(socket, 'close');
  peer.destroy();
}
