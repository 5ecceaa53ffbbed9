import { Injectable } from '@nestjs/common';
import { ProblemError } from '@polyvirt/contracts';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { jwtAlgorithm, jwtAudience, jwtIssuer, kidOf, type AccessClaims, type Bearing } from './access-token.ts';
import { Keys } from './keys.ts';
import type { VerifiedCredential } from './principals.ts';
import { Sessions } from './sessions.ts';

/** What passport adds to a strategy for the length of one attempt. */
interface Attempt {
  authenticate(request: unknown): void;
  success(verified: VerifiedCredential): void;
  fail(reason: Error): void;
  error(error: Error): void;
}

/**
 * Verifies access tokens: signature, algorithm, issuer, audience and time by passport-jwt, then the session by the
 * database. Passport itself is left out: it keeps its strategies in one place for the whole process.
 */
@Injectable()
export class JwtStrategy {
  private readonly strategy: Strategy;

  constructor(keys: Keys, sessions: Sessions) {
    this.strategy = new Strategy(
      {
        jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
        secretOrKeyProvider: (_request, token: string, done) => {
          const key = keys.find(kidOf(token));
          if (key) done(null, key.secret);
          else done(new Error('no key of that name'));
        },
        algorithms: [jwtAlgorithm],
        issuer: jwtIssuer,
        audience: jwtAudience,
      },
      ({ sub, sid, exp }: Partial<AccessClaims>, done) => {
        // Signed by us, and yet not one of ours: whoever else uses the secret made it.
        if (typeof sub !== 'string' || typeof sid !== 'string' || typeof exp !== 'number')
          return done(new ProblemError('unauthenticated', 'The bearer token is not valid.'), false);
        sessions.principalOf(sub, sid).then(
          (principal) => done(null, { principal, goodUntil: exp * 1_000 }),
          (error: unknown) => done(error, false),
        );
      },
    );
  }

  /** Throws `unauthenticated` unless the request bears an access token that is good. */
  verify(request: Bearing): Promise<VerifiedCredential> {
    return new Promise((resolve, reject) => {
      const attempt = Object.create(this.strategy) as Attempt;
      attempt.success = resolve;
      attempt.fail = (reason) => reject(new ProblemError('unauthenticated', explain(reason), { cause: reason }));
      attempt.error = reject;
      attempt.authenticate(request);
    });
  }
}

const explain = ({ name }: Error): string =>
  name === 'TokenExpiredError' ? 'The access token has expired; refresh it.' : 'The bearer token is not valid.';
