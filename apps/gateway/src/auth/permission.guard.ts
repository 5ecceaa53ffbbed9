import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { ProblemError, type Permission } from '@polyvirt/contracts';
import type { FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { ACTION } from '../audit/changes.decorator.ts';
import { LOGGER } from '../logger.ts';
import type { Principal } from './caller.decorator.ts';
import { Door } from './door.ts';
import { NetworkReaders } from './network-readers.ts';
import { ACCESS, CONFIRMED, NETWORK_READERS, PERSON, TICKET_PURPOSE, type Access } from './permission.decorator.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What the audit calls this request, when it is one that changes something. */
    action: string | null;
  }
}

interface Demands {
  readonly access: Access | undefined;
  readonly action: string | null;
  readonly isForPersons: boolean;
  /** Whether the password must have been given a short while ago. */
  readonly isConfirmed: boolean;
  /** Of the tickets that stand in for a bearer token, if any do. */
  readonly ticketPurpose: string | undefined;
  readonly openToReaders: boolean;
}

/** Stands before every route. What does not say whom it is for, is for nobody. */
@Injectable()
export class PermissionGuard implements CanActivate {
  private readonly door: Door;
  private readonly logger: Logger;
  private readonly demands = new WeakMap<object, Demands>();

  constructor(
    door: Door,
    private readonly readers: NetworkReaders,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.door = door;
    this.logger = logger;
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const handler = context.getHandler();
    const { access, action, isForPersons, isConfirmed, ticketPurpose, openToReaders } = this.demandsOf(
      handler,
      context.getClass(),
    );
    request.action = action;
    if (access === undefined) {
      this.logger.error({ route: request.routeOptions.url }, 'a route declares no permission');
      throw new ProblemError('forbidden', 'Nobody may call this.');
    }
    if (openToReaders && this.readers.includes({ address: request.ip, headers: request.headers })) {
      await this.door.admitUnknown(request);
      return true;
    }
    await this.door.admit(request, ticketPurpose);
    if (access === 'public') return true;
    const principal = request.principal!;
    if (access !== 'logged-in') requirePermission(principal, access);
    if (isForPersons && principal.token)
      throw new ProblemError('forbidden', 'This is for a person; log in with the password instead of an API token.');
    if (isConfirmed) requireConfirmation(principal);
    return true;
  }

  /** Metadata does not change, and looking it up takes longer than everything else here. */
  private demandsOf(handler: object, controller: object): Demands {
    const known = this.demands.get(handler);
    if (known) return known;
    const action = (Reflect.getMetadata(ACTION, handler) as string | undefined) ?? null;
    const ticketPurpose = Reflect.getMetadata(TICKET_PURPOSE, handler) as string | undefined;
    const isConfirmed = Reflect.getMetadata(CONFIRMED, handler) === true;
    const isForPersons = Reflect.getMetadata(PERSON, handler) === true;
    const openToReaders = Reflect.hasMetadata(NETWORK_READERS, handler);
    const demands = {
      ...{ access: accessOf(handler, controller), action, ticketPurpose },
      ...{ isForPersons, isConfirmed, openToReaders },
    };
    this.demands.set(handler, demands);
    return demands;
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

/** A credential that was given to a program, or left open on a desk, must not be able to make a stronger one. */
function requireConfirmation({ token, confirmedUntil }: Principal): void {
  if (token)
    throw new ProblemError('forbidden', 'An API token cannot change who may do what; log in with a password for that.');
  if (confirmedUntil !== undefined && confirmedUntil > Date.now()) return;
  throw new ProblemError(
    'confirmation-required',
    'This needs a session in which the password was given within the last 10 minutes. Send it to POST /api/v1/auth/confirm, then ask again.',
  );
}
