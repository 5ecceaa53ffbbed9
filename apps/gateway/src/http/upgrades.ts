import type { EventEmitter } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { nameTest, type NameTest } from './exposure.ts';
import { TLS_FILES, type TlsFiles } from './tls.ts';

type Upgrade = [request: IncomingMessage, socket: Duplex, head: Buffer];
export type UpgradeEmitter = EventEmitter<{ upgrade: Upgrade }>;

const refusal = (status: string): string => `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;

/**
 * Hands each request for another protocol to the one that serves its path. Libraries for WebSockets listen on the server as if
 * they were alone there: they answer for the paths of each other, or leave the connection of a path that nobody serves open.
 */
@Injectable()
export class Upgrades {
  private readonly byPath = new Map<string, UpgradeEmitter>();

  private readonly isOurName: NameTest;

  constructor(
    private readonly host: HttpAdapterHost,
    @Inject(CONFIG) config: GatewayConfig,
    @Inject(TLS_FILES) tls: TlsFiles | undefined,
  ) {
    this.isOurName = nameTest(config, tls);
  }

  /** Exactly this path goes to this emitter. */
  assign(path: string, emitter: UpgradeEmitter): void {
    if (this.byPath.size === 0) {
      const { server } = this.host.httpAdapter.getInstance<FastifyInstance>();
      server.on('upgrade', (...upgrade: Upgrade) => this.handleByName(upgrade));
    }
    this.byPath.set(path, emitter);
  }

  /** Takes the requests of another server, for the same paths and by any name. */
  serve(server: Server): void {
    server.on('upgrade', (...upgrade: Upgrade) => this.handle(upgrade));
  }

  /** At the port of the API a request has to call the gateway by a name of its own; hooks of requests are not run for these. */
  private handleByName(upgrade: Upgrade): void {
    const [{ headers }, socket] = upgrade;
    if (this.isOurName(headers.host)) this.handle(upgrade);
    else this.end(socket, '400 Bad Request');
  }

  private handle(upgrade: Upgrade): void {
    const [{ url = '/' }, socket] = upgrade;
    if (this.byPath.get(url.split('?', 1)[0]!)?.emit('upgrade', ...upgrade)) return;
    this.end(socket, '404 Not Found');
  }

  private end(socket: Duplex, status: string): void {
    // Node has taken its own listener away, and the client may be gone.
    socket.on('error', () => socket.destroy());
    socket.end(refusal(status), () => socket.destroy());
  }
}
