import { Injectable } from '@nestjs/common';
import { ProblemError } from '@polyvirt/contracts';
import { tokenPrefix } from '../tokens/token-secrets.ts';
import { TokenVerifier } from '../tokens/token-verifier.ts';
import type { Bearing } from './access-token.ts';
import type { CredentialId, Principal } from './caller.decorator.ts';
import { JwtStrategy } from './jwt.strategy.ts';
import { Principals } from './principals.ts';
import { Sessions } from './sessions.ts';

const bearer = /^bearer +(\S+)$/i;

/** Who a request comes from, by the bearer token it carries: an access token of a session, or an API token. */
@Injectable()
export class Authentication {
  private readonly principals: Principals;
  private readonly jwt: JwtStrategy;
  private readonly tokens: TokenVerifier;
  private readonly sessions: Sessions;

  constructor(principals: Principals, jwt: JwtStrategy, tokens: TokenVerifier, sessions: Sessions) {
    this.principals = principals;
    this.jwt = jwt;
    this.tokens = tokens;
    this.sessions = sessions;
  }

  /** Throws `unauthenticated` for a request without a good credential. */
  authenticate(request: Bearing): Promise<Principal> {
    const credential = credentialOf(request);
    return this.principals.get(credential, () =>
      credential.startsWith(tokenPrefix) ? this.tokens.verify(credential) : this.jwt.verify(request),
    );
  }

  /**
   * Whose a credential is as the database knows it now, for what outlives the request that began it. Throws
   * `unauthenticated` when it was revoked or has expired, or the user was disabled or deleted.
   */
  async lookAgain({ userId, sessionId, tokenId }: CredentialId): Promise<Principal> {
    if (tokenId !== null) return this.tokens.principalOf(userId, tokenId);
    if (sessionId !== null) return this.sessions.principalOf(userId, sessionId);
    throw new ProblemError('unauthenticated', 'The credential is not known.');
  }

  /** The principal of a credential that was verified a moment ago, without waiting for anything. */
  recognise(request: Bearing): Principal | undefined {
    const { authorization } = request.headers;
    const credential = authorization && bearer.exec(authorization)?.[1];
    return credential ? this.principals.peek(credential) : undefined;
  }
}

function credentialOf({ headers: { authorization } }: Bearing): string {
  if (authorization === undefined)
    throw new ProblemError('unauthenticated', 'This needs a bearer token; log in first.');
  const credential = bearer.exec(authorization)?.[1];
  if (!credential) throw new ProblemError('unauthenticated', 'The Authorization header is not `Bearer <token>`.');
  return credential;
}
