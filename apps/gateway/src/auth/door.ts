import { Injectable, NotFoundException, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ProblemError } from '@polyvirt/contracts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RateLimits } from '../rate-limit/rate-limits.ts';
import type { Bearing } from './access-token.ts';
import { Authentication } from './authentication.ts';
import type { Principal } from './caller.decorator.ts';
import { CredentialTrail, type Origin } from './credential-trail.ts';
import { Tickets } from './tickets.ts';

/** Methods whose bodies the server never reads. A guard is early enough for them. */
const withoutBody = new Set(['GET', 'HEAD']);

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
      // There is no guard where there is no route.
      else if (request.is404) await this.admitUnknown(request);
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
    const { ticket } = request.query as { ticket?: unknown };
    const hasTicket = ticketPurpose !== undefined && typeof ticket === 'string';
    request.principal =
      hasTicket && request.headers.authorization === undefined
        ? await this.redeem(request, () => this.tickets.redeem(ticketPurpose, ticket))
        : await this.identify(request, request);
  }

  /** Counts a request that need not say whom it is from. Throws `too-many-requests`. */
  async admitUnknown(request: FastifyRequest): Promise<void> {
    request.counted = true;
    await this.limits.admitUnknown(request.ip);
  }

  /**
   * Whose a bearer token is; its use is counted and recorded, and so is one that is not good. Every way in comes by here. Throws
   * `unauthenticated` or `too-many-requests`.
   */
  async identify(bearing: Bearing, from: Origin): Promise<Principal> {
    const principal = this.authentication.recognise(bearing) ?? (await this.meet(bearing, from));
    await this.limits.admit(principal);
    if (principal.token) await this.trail.noteUse(principal, principal.token, from);
    return principal;
  }

  /**
   * What a ticket that somebody shows stands for, as `look` finds it. It is counted, and recorded if it is not good. Throws what
   * `look` throws, and `too-many-requests`.
   */
  async redeem<Redeemed>(request: FastifyRequest, look: () => Promise<Redeemed>): Promise<Redeemed> {
    if (!request.counted) await this.admitUnknown(request);
    try {
      return await look();
    } catch (error) {
      if (error instanceof ProblemError) await this.trail.noteRefusal('ticket', error.code, request);
      throw error;
    }
  }

  /** A credential that is not known yet costs a look into the database, so guesses count against the address. */
  private async meet(bearing: Bearing, from: Origin): Promise<Principal> {
    await this.limits.admitUnknown(from.ip);
    try {
      return await this.authentication.authenticate(bearing);
    } catch (error) {
      if (bearing.headers.authorization !== undefined && error instanceof ProblemError)
        await this.trail.noteRefusal('token', error.code, from);
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
