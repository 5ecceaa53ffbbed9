import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import websocket from '@fastify/websocket';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { Door } from '../auth/door.ts';
import { logProblem, problemOf, sendProblem } from '../http/problem.filter.ts';
import { Upgrades, type UpgradeEmitter } from '../http/upgrades.ts';
import { LOGGER } from '../logger.ts';
import type { ConsoleRelay } from './console-relay.ts';
import { consolePath, ConsoleTickets, type RedeemedTicket } from './console-tickets.ts';
import { Consoles } from './consoles.ts';

/** RFB messages of a viewer are short; a pasted clipboard is the longest. */
const longestMessage = 1_024 * 1_024;

/** The WebSocket of consoles. A ticket that is not good is refused with a problem, before there is a WebSocket. */
@Injectable()
export class ConsoleSocket implements OnModuleInit {
  private readonly relays = new WeakMap<FastifyRequest, ConsoleRelay>();

  constructor(
    private readonly adapter: HttpAdapterHost,
    private readonly tickets: ConsoleTickets,
    private readonly consoles: Consoles,
    private readonly upgrades: Upgrades,
    private readonly door: Door,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onModuleInit(): void {
    const server = this.adapter.httpAdapter.getInstance<FastifyInstance>();
    const upgrades: UpgradeEmitter = new EventEmitter();
    this.upgrades.assign(consolePath, upgrades);
    // Not awaited: that would load Fastify's plugins before Nest has set its error handler, and routes would go without it.
    void server.register(async (scope) => {
      await scope.register(websocket, {
        options: { maxPayload: longestMessage, server: upgrades as unknown as Server },
      });
      scope.route({
        method: 'GET',
        url: consolePath,
        preValidation: (request, reply) => this.admit(request, reply),
        handler: (_request, reply) => reply.status(426).header('upgrade', 'websocket').send(),
        wsHandler: (socket, request) => this.relays.get(request)?.attach(socket),
      });
    });
  }

  private async admit(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (!request.ws) return;
    try {
      const { vmId, kind, actor, owner } = await this.door.redeem(request, () => this.redeem(request));
      const by = { actor, address: request.ip, requestId: request.id };
      this.relays.set(request, await this.consoles.open({ vmId, kind, owner }, by));
      this.logger.info({ vmId, kind, actor, requestId: request.id }, 'a console was opened');
    } catch (error) {
      const problem = problemOf(error, request);
      logProblem(this.logger, problem, error, request);
      sendProblem(reply, problem, request);
    }
  }

  private redeem(request: FastifyRequest): Promise<RedeemedTicket> {
    const { ticket } = request.query as { ticket?: unknown };
    return this.tickets.redeem(typeof ticket === 'string' ? ticket : '');
  }
}
