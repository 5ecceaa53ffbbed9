import type { EventEmitter } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';

type Upgrade = [request: IncomingMessage, socket: Duplex, head: Buffer];
export type UpgradeEmitter = EventEmitter<{ upgrade: Upgrade }>;

const notFound = 'HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

/**
 * Hands each request for another protocol to the one that serves its path. Libraries for WebSockets listen on the server as if
 * they were alone there: they answer for the paths of each other, or leave the connection of a path that nobody serves open.
 */
@Injectable()
export class Upgrades {
  private readonly byPath = new Map<string, UpgradeEmitter>();

  constructor(private readonly host: HttpAdapterHost) {}

  /** Exactly this path goes to this emitter. */
  assign(path: string, emitter: UpgradeEmitter): void {
    if (this.byPath.size === 0) this.serve(this.host.httpAdapter.getInstance<FastifyInstance>().server);
    this.byPath.set(path, emitter);
  }

  /** Takes the requests of a server, for the same paths. */
  serve(server: Server): void {
    server.on('upgrade', (...upgrade: Upgrade) => this.handle(upgrade));
  }

  private handle(upgrade: Upgrade): void {
    const [{ url = '/' }, socket] = upgrade;
    if (this.byPath.get(url.split('?', 1)[0]!)?.emit('upgrade', ...upgrade)) return;
    // Node has taken its own listener away, and the client may be gone.
    socket.on('error', () => socket.destroy());
    socket.end(notFound, () => socket.destroy());
  }
}
