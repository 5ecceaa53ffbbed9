import { Inject, Injectable } from '@nestjs/common';
import { ProblemError } from '@polyvirt/contracts';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { jwtAlgorithm, jwtAudience, jwtIssuer, type AccessClaims, type Bearing } from './access-token.ts';
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

  constructor(@Inject(CONFIG) config: GatewayConfig, sessions: Sessions) {
    this.strategy = new Strategy(
      {
        jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
        secretOrKey: config.jwtSecret,
        algorithms: [jwtAlgorithm],
        issuer: jwtIssuer,
        audience: jwtAudience,
      },
      ({ sub, sid, exp }: AccessClaims, done) => {
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
