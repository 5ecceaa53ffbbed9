import type { WebSocket } from '@fastify/websocket';
import type { FastifyInstance } from 'fastify';
import type { RawData } from 'ws';
import { isUuid } from '../identity.ts';
import type { Prism } from '../prism.ts';
import type { VmRecord } from '../state/records.ts';
import { RfbSession } from './rfb.ts';

/** A console that cannot be opened, with the HTTP status that says so. */
class ConsoleRefused extends Error {
  constructor(readonly statusCode: number) {
    super('The console cannot be opened.');
  }
}

/** A message may come as one buffer, in parts, or as a plain array. */
function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}

/** VNC over WebSocket: the legacy proxy path, and the launch path of v4 that also needs a token. */
export function consoleRoutes(app: FastifyInstance, prism: Prism): void {
  const open = new Map<string, Set<WebSocket>>();

  // A console ends with the power of its VM.
  prism.store.follow('vm', (_before, after) => {
    if (after?.power === 'OFF' || after?.power === 'SUSPENDED')
      for (const socket of open.get(after.uuid) ?? []) socket.close();
  });

  // The answer to an upgrade does not go through Fastify. On the legacy path it comes from the cluster, through Prism Central.
  app.addHook('onReady', async () => {
    app.websocketServer.on('headers', (headers, request) => {
      headers.push(`x-ntnx-env: ${request.url?.startsWith('/vnc/') ? 'pe' : 'pc'}`);
    });
  });

  const running = (vm: VmRecord | undefined): VmRecord => {
    if (vm === undefined || vm.power !== 'ON') throw new ConsoleRefused(404);
    if ((open.get(vm.uuid)?.size ?? 0) >= prism.knobs.get('console.maxPerVm')) throw new ConsoleRefused(429);
    return vm;
  };

  const serve = (socket: WebSocket, vm: VmRecord): void => {
    const sockets = open.get(vm.uuid) ?? new Set();
    open.set(vm.uuid, sockets.add(socket));
    const session = new RfbSession(
      vm.name,
      (bytes) => socket.send(bytes, { binary: true }),
      () => socket.close(),
    );
    socket.on('message', (data) => session.receive(bytesOf(data)));
    socket.on('close', () => {
      sockets.delete(socket);
      if (sockets.size === 0) open.delete(vm.uuid);
    });
    session.start();
  };

  const legacyVm = (params: unknown): VmRecord => {
    const { uuid } = params as { uuid: string };
    if (!prism.knobs.get('console.legacyPath')) throw new ConsoleRefused(404);
    return running(isUuid(uuid) ? prism.store.get('vm', uuid) : undefined);
  };

  const launchedVm = (params: unknown, query: unknown): VmRecord => {
    const { id } = params as { id: string };
    const { VmConsoleToken: token } = query as { VmConsoleToken?: string };
    const uuid = token === undefined ? undefined : prism.consoleTokens.vmOf(token, prism.clock.now());
    const vm = uuid === undefined ? undefined : prism.store.get('vm', uuid);
    if (vm === undefined || vm.consoleUuid !== id) throw new ConsoleRefused(403);
    return running(vm);
  };

  app.route({
    method: 'GET',
    url: '/vnc/vm/:uuid/proxy',
    preHandler: async (request) => {
      if (request.ws) legacyVm(request.params);
    },
    handler: (_request, reply) => reply.code(400).send(),
    wsHandler: (socket, request) => serve(socket, legacyVm(request.params)),
  });

  app.route({
    method: 'GET',
    url: '/console/launch/:id',
    preHandler: async (request) => {
      if (request.ws) launchedVm(request.params, request.query);
    },
    handler: (_request, reply) => reply.code(400).send(),
    wsHandler: (socket, request) => serve(socket, launchedVm(request.params, request.query)),
  });
}
