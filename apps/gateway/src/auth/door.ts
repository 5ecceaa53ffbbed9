import { Injectable, NotFoundException, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ProblemError } from '@polyvirt/contracts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RateLimits } from '../rate-limit/rate-limits.ts';
import { Authentication } from './authentication.ts';
import type { Principal } from './caller.decorator.ts';
import { CredentialTrail } from './credential-trail.ts';
import { Tickets } from './tickets.ts';

const withoutBody = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Finds out whom a request is from, and counts it, before a byte of its body is read: reading and parsing is work, and nobody
 * is to be had for it who has not said who they are. Guards come after the body, so this is a hook of the server.
 */
@Injectable()
export class Door implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly authentication: Authentication,
    private readonly limits: RateLimits,
    private readonly tickets: Tickets,
    private readonly trail: CredentialTrail,
  ) {}

  onModuleInit(): void {
    const server = this.host.httpAdapter.getInstance<FastifyInstance>();
    server.addHook('onRequest', async (request) => {
      if (!withoutBody.has(request.method)) await this.admit(request);
    });
  }

  /** Throws `unauthenticated` or `too-many-requests`. Nothing happens to a request that was admitted before. */
  async admit(request: FastifyRequest, ticketPurpose?: string): Promise<void> {
    if (request.principal || request.counted) return;
    if (request.is404 || request.routeOptions.config.isPublic) {
      await this.admitUnknown(request);
      if (request.is404) throw new NotFoundException();
      return;
    }
    const principal = this.authentication.recognise(request) ?? (await this.meet(request, ticketPurpose));
    await this.limits.admit(`user ${principal.userId}`);
    if (principal.token) await this.trail.noteUse(principal, principal.token, request);
    request.principal = principal;
  }

  /** Counts a request that need not say whom it is from. Throws `too-many-requests`. */
  async admitUnknown(request: FastifyRequest): Promise<void> {
    request.counted = true;
    await this.limits.admit(`address ${request.ip}`);
  }

  /** A credential that is not known yet costs a look into the database, so guesses count against the address. */
  private async meet(request: FastifyRequest, ticketPurpose: string | undefined): Promise<Principal> {
    await this.limits.admit(`address ${request.ip}`);
    const { ticket } = request.query as { ticket?: unknown };
    if (ticketPurpose !== undefined && typeof ticket === 'string' && request.headers.authorization === undefined)
      return this.tickets.redeem(ticketPurpose, ticket);
    try {
      return await this.authentication.authenticate(request);
    } catch (error) {
      if (request.headers.authorization !== undefined && error instanceof ProblemError)
        await this.trail.noteRefusal(error.code, request);
      throw error;
    }
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether a request of nobody has been counted. */
    counted: boolean;
  }

  interface FastifyContextConfig {
    /** Anyone may call the route. */
    isPublic?: true;
  }
}
