import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { neighbourhoodOf } from '../rate-limit/neighbourhood.ts';

/** Keeps one address from taking all the connections that there are. */
@Injectable()
export class ConnectionLimit implements OnModuleInit {
  private readonly open = new Map<string, number>();
  private readonly most: number;

  constructor(
    private readonly host: HttpAdapterHost,
    @Inject(CONFIG) { connectionsEach, trustProxy }: GatewayConfig,
  ) {
    // Behind a proxy all of them come from there.
    this.most = connectionsEach === 0 || trustProxy !== undefined ? Infinity : connectionsEach;
  }

  onModuleInit(): void {
    this.hold(this.host.httpAdapter.getInstance<FastifyInstance>().server);
  }

  /** Counts the connections of a server together with those of the others. */
  hold(server: Server): void {
    server.on('connection', (socket: Socket) => this.count(socket));
  }

  private count(socket: Socket): void {
    const address = neighbourhoodOf(socket.remoteAddress ?? '');
    const before = this.open.get(address) ?? 0;
    if (before >= this.most) {
      socket.destroy();
      return;
    }
    this.open.set(address, before + 1);
    socket.once('close', () => {
      const now = this.open.get(address)! - 1;
      if (now === 0) this.open.delete(address);
      else this.open.set(address, now);
    });
  }
}
