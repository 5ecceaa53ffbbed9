import { ProblemError, type CookieSession, type TokenPair } from '@polyvirt/contracts';
import { parseCookie, stringifySetCookie, type SetCookie } from 'cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isSameOrigin } from '../http/origin.ts';

export const sessionCookie = 'polyvirt_session';
/** As long as a session that nobody uses; the gateway decides, this only tidies up. */
const maxAgeSeconds = 7 * 24 * 3_600;

/** Puts the refresh token where no script can read it, and answers without it. */
export function keepInCookie(pair: TokenPair, request: FastifyRequest, reply: FastifyReply): CookieSession {
  const { refreshToken, ...rest } = pair;
  void reply.header('Set-Cookie', cookie(request, refreshToken, maxAgeSeconds));
  return rest;
}

export function dropCookie(request: FastifyRequest, reply: FastifyReply): void {
  void reply.header('Set-Cookie', cookie(request, '', 0));
}

/**
 * The refresh token of the cookie, if there is one. Throws `forbidden` if a page of another origin sends it: browsers
 * count a neighbouring host or port as the same site.
 */
export function tokenInCookie(request: FastifyRequest): string | undefined {
  const { [sessionCookie]: token } = parseCookie(request.headers.cookie ?? '');
  if (!token) return undefined;
  if (isSameOrigin(request.headers.origin, request.host)) return token;
  throw new ProblemError('forbidden', 'A page of another origin may not use the session of this one.');
}

const cookie = ({ protocol }: FastifyRequest, value: string, maxAge: number): string =>
  stringifySetCookie({
    name: sessionCookie,
    value,
    maxAge,
    path: '/api/v1/auth',
    httpOnly: true,
    sameSite: 'strict',
    // On plain HTTP, which is for loopback, a browser would not take it back.
    secure: protocol === 'https',
  } satisfies SetCookie);
