import { applyDecorators, SetMetadata } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiExtension } from '@nestjs/swagger';
import type { Permission } from '@polyvirt/contracts';

export const ACCESS = 'polyvirt:access';

/** What a route demands: a permission, or no more than being logged in. A route without one is refused to everybody. */
export type Access = Permission | 'logged-in' | 'public';

const demand = (access: Access) => SetMetadata(ACCESS, access);

/** Only for callers whose role, and whose token if one asks, has the permission; `logged-in` is every role. */
export const RequirePermission = (permission: Exclude<Access, 'public'>) =>
  applyDecorators(demand(permission), ApiBearerAuth(), ApiExtension('x-permission', permission));

export const TICKET_PURPOSE = 'polyvirt:ticket-purpose';

/** Takes a one-time ticket in the query in place of a bearer token, from a browser that cannot send one. */
export const TakesTicket = (purpose: string) => SetMetadata(TICKET_PURPOSE, purpose);

export const PERSON = 'polyvirt:person';

/** Only in a session, and by no API token: it is about a person. */
export const OnlyInSession = () => applyDecorators(SetMetadata(PERSON, true), ApiExtension('x-only-in-session', true));

export const CONFIRMED = 'polyvirt:confirmed';

/**
 * Only in a session whose user has given the password a short while ago, and by no API token: the route makes somebody stronger,
 * or a credential.
 */
export const NeedsFreshPassword = () =>
  applyDecorators(SetMetadata(CONFIRMED, true), ApiExtension('x-fresh-password', true));

export const NETWORK_READERS = 'polyvirt:network-readers';

/** Machines of the networks that a setting names read this without a token. */
export const OpenToNetworkReaders = () => SetMetadata(NETWORK_READERS, true);

/** For anyone. The server itself knows it too, so that it reads the body of nobody else before it knows whose it is. */
export const Public = () => applyDecorators(demand('public'), RouteConfig({ isPublic: true }));
