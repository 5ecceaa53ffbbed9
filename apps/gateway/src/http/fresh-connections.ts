import type { Socket } from 'node:net';
import { Injectable, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';

/**
 * Connections on which nothing was asked yet. Browsers open them in advance, and Node does not count them as idle, so
 * that they would hold a shutdown up for a minute.
 */
@Injectable()
export class FreshConnections implements OnModuleInit, BeforeApplicationShutdown {
  private readonly sockets = new Set<Socket>();

  constructor(private readonly host: HttpAdapterHost) {}

  onModuleInit(): void {
    const { server } = this.host.httpAdapter.getInstance<FastifyInstance>();
    const used = ({ socket }: { socket: Socket }) => this.sockets.delete(socket);
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
    server.on('request', used);
    server.on('upgrade', used);
  }

  beforeApplicationShutdown(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}
