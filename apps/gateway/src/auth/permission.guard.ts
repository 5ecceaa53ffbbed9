import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { ProblemError, type Permission } from '@polyvirt/contracts';
import type { FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { ACTION } from '../audit/changes.decorator.ts';
import { LOGGER } from '../logger.ts';
import { RateLimits } from '../rate-limit/rate-limits.ts';
import { Authentication } from './authentication.ts';
import type { Principal } from './caller.decorator.ts';
import { NetworkReaders } from './network-readers.ts';
import { ACCESS, NETWORK_READERS, TICKET_PURPOSE, type Access } from './permission.decorator.ts';
import { Tickets } from './tickets.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What the audit calls this request, when it is one that changes something. */
    action: string | null;
  }
}

interface Demands {
  readonly access: Access | undefined;
  readonly action: string | null;
  /** Of the tickets that stand in for a bearer token, if any do. */
  readonly ticketPurpose: string | undefined;
  readonly openToReaders: boolean;
}

/** Stands before every route. What does not say whom it is for, is for nobody. */
@Injectable()
export class PermissionGuard implements CanActivate {
  private readonly authentication: Authentication;
  private readonly limits: RateLimits;
  private readonly logger: Logger;
  private readonly tickets: Tickets;
  private readonly demands = new WeakMap<object, Demands>();

  constructor(
    authentication: Authentication,
    limits: RateLimits,
    tickets: Tickets,
    private readonly readers: NetworkReaders,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.authentication = authentication;
    this.limits = limits;
    this.tickets = tickets;
    this.logger = logger;
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const handler = context.getHandler();
    const { access, action, ticketPurpose, openToReaders } = this.demandsOf(handler, context.getClass());
    request.action = action;
    if (access === undefined) {
      this.logger.error({ route: request.routeOptions.url }, 'a route declares no permission');
      throw new ProblemError('forbidden', 'Nobody may call this.');
    }
    const { ip: address, headers } = request;
    if (access === 'public' || (openToReaders && this.readers.includes({ address, headers }))) {
      await this.limits.admit(`address ${address}`);
      return true;
    }
    const principal = this.authentication.recognise(request) ?? (await this.meet(request, ticketPurpose));
    request.principal = principal;
    await this.limits.admit(`user ${principal.userId}`);
    if (access !== 'logged-in') requirePermission(principal, access);
    return true;
  }

  /** Metadata does not change, and looking it up takes longer than everything else here. */
  private demandsOf(handler: object, controller: object): Demands {
    const known = this.demands.get(handler);
    if (known) return known;
    const action = (Reflect.getMetadata(ACTION, handler) as string | undefined) ?? null;
    const ticketPurpose = Reflect.getMetadata(TICKET_PURPOSE, handler) as string | undefined;
    const openToReaders = Reflect.hasMetadata(NETWORK_READERS, handler);
    const demands = { access: accessOf(handler, controller), action, ticketPurpose, openToReaders };
    this.demands.set(handler, demands);
    return demands;
  }

  /** A credential that is not known yet costs a look into the database, so guesses count against the address. */
  private async meet(request: FastifyRequest, ticketPurpose: string | undefined): Promise<Principal> {
    await this.limits.admit(`address ${request.ip}`);
    const { ticket } = request.query as { ticket?: unknown };
    if (ticketPurpose !== undefined && typeof ticket === 'string' && request.headers.authorization === undefined)
      return this.tickets.redeem(ticketPurpose, ticket);
    return this.authentication.authenticate(request);
  }
}

export const accessOf = (handler: object, controller: object): Access | undefined =>
  (Reflect.getMetadata(ACCESS, handler) ?? Reflect.getMetadata(ACCESS, controller)) as Access | undefined;

/** Throws `forbidden`, and says whether it is the role or the token that lacks it. */
function requirePermission({ permissions, role, token }: Principal, permission: Permission): void {
  if (permissions.has(permission)) return;
  const who = token ? `The token ${token.name}` : `The role ${role}`;
  throw new ProblemError('forbidden', `${who} does not have the permission ${permission}.`);
}
