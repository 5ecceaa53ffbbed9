import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Permission, Role } from '@polyvirt/contracts';
import type { FastifyRequest } from 'fastify';
import type { IdempotencyClaim } from '../idempotency/idempotency-claim.ts';

/** Who a credential belongs to; kept in memory between requests. */
export interface Principal {
  readonly userId: string;
  readonly username: string;
  readonly role: Role;
  /** Of the role, cut down to the scopes when a token asks. */
  readonly permissions: ReadonlySet<Permission>;
  /** As the audit and `requestedBy` name it: `ada`, or `ada/ci` for her token `ci`. */
  readonly actor: string;
  readonly sessionId?: string;
  /** Of a session: until when its user counts as having given the password a short while ago; ms since the epoch. */
  readonly confirmedUntil?: number;
  readonly token?: { readonly id: string; readonly name: string };
}

/** Which credential it is, without the secret: enough to look whether it is still good. */
export interface CredentialId {
  readonly userId: string;
  readonly sessionId: string | null;
  readonly tokenId: string | null;
}

export const credentialIdOf = ({ userId, sessionId, token }: Principal): CredentialId => ({
  userId,
  sessionId: sessionId ?? null,
  tokenId: token?.id ?? null,
});

/** Who asks, in which request. */
export interface Caller extends Principal {
  readonly requestId: string;
  /** What the client calls the request. */
  readonly clientRequestId?: string;
  readonly traceparent: string;
  /** IP address the request came from. */
  readonly address: string;
  /** Present when the request carries an `Idempotency-Key`. */
  readonly idempotency?: IdempotencyClaim;
}

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null;
    /** W3C trace context of the request: that of the caller, or a new one. */
    readonly traceparent: string;
    idempotency: IdempotencyClaim | null;
  }
}

/** The caller of a request that the permission guard has let through. */
export function callerOf(request: FastifyRequest): Caller {
  if (!request.principal) throw new Error(`${request.routeOptions.url} has no caller: is it public?`);
  return {
    ...request.principal,
    requestId: request.id,
    ...(request.clientRequestId !== undefined && { clientRequestId: request.clientRequestId }),
    traceparent: request.traceparent,
    address: request.ip,
    ...(request.idempotency && { idempotency: request.idempotency }),
  };
}

/** Injects the `Caller`. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext) =>
  callerOf(context.switchToHttp().getRequest<FastifyRequest>()),
);
