import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { NetworkList } from '@polyvirt/config';
import { problems } from '@polyvirt/contracts';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { ConnectionLimit } from '../http/connection-limit.ts';
import { connectionTimes } from '../http/connection-times.ts';
import { Upgrades } from '../http/upgrades.ts';
import { LOGGER } from '../logger.ts';
import { TIMES, type GatewayTimes } from '../times.ts';

/** What the earlier programs answered; logging in is not among it, so no password crosses this port. */
const answered = /^\/(?:$|health$|vms$|vm\/|stats\/summary$|api\/providers\/status$|socket\.io\/$)/;
const loopback = new NetworkList('127.0.0.0/8, ::1');

/** The port at which the earlier programs were, beside that of the API. */
@Injectable()
export class CompatPort implements OnModuleInit, BeforeApplicationShutdown {
  private server: Server | undefined;

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly upgrades: Upgrades,
    private readonly limit: ConnectionLimit,
    @Inject(CONFIG) private readonly config: GatewayConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(TIMES) private readonly times: GatewayTimes,
  ) {}

  /** Undefined while it is not open. */
  get port(): number | undefined {
    return (this.server?.address() as AddressInfo | null | undefined)?.port;
  }

  onModuleInit(): void {
    if (this.config.compatPort === undefined) return;
    this.host.httpAdapter.getInstance<FastifyInstance>().addHook('onListen', () => this.open());
  }

  async beforeApplicationShutdown(): Promise<void> {
    const { server } = this;
    if (!server?.listening) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  private async open(): Promise<void> {
    const { compatPort: port, compatNetworks: networks } = this.config;
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    const server = createServer(connectionTimes(this.times.requestWithinMs), (request, response) => {
      if (!answered.test(pathOf(request))) return elsewhere(response);
      // Pages of the web console need files that are not here.
      request.headers.accept = 'application/json';
      fastify.routing(request, response);
    });
    this.server = server;
    server.on('connection', (socket) => {
      const address = socket.remoteAddress ?? '';
      if (!loopback.has(address) && networks?.has(address) !== true) socket.destroy();
    });
    this.limit.hold(server);
    this.upgrades.serve(server);
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, networks ? undefined : '127.0.0.1', resolve);
      });
    } catch (err) {
      this.logger.error(
        { err, port },
        `The port ${port} of the earlier programs cannot be opened; their clients find nobody there.`,
      );
      return;
    }
    if (networks)
      this.logger.warn(
        { port: this.port, networks: String(networks) },
        `Port ${this.port} speaks plain HTTP with ${String(networks)}: whoever listens there reads the tokens.`,
      );
    else
      this.logger.info(
        { port: this.port },
        `Port ${this.port} answers as the earlier programs did, to this machine only.`,
      );
  }
}

const pathOf = ({ url = '/' }: IncomingMessage): string => url.split('?', 1)[0]!;

function elsewhere(response: ServerResponse): void {
  const code = 'route-not-found';
  const { status, title, retryable } = problems[code];
  const detail =
    'This port answers what the earlier programs answered, and nothing else. The API and the console are at the port of POLYVIRT_PORT.';
  const requestId = randomUUID();
  response.writeHead(status, { 'content-type': 'application/problem+json', 'cache-control': 'no-store' });
  response.end(JSON.stringify({ type: `/docs/problems#${code}`, title, status, detail, code, retryable, requestId }));
}
