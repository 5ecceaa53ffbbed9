import { Global, Inject, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { JwtModule } from '@nestjs/jwt';
import type { Logger } from 'pino';
import { LOGGER } from '../logger.ts';
import { RateLimits } from '../rate-limit/rate-limits.ts';
import { TokenVerifier } from '../tokens/token-verifier.ts';
import { accessTokenSeconds, jwtAlgorithm, jwtAudience, jwtIssuer } from './access-token.ts';
import { AuthController } from './auth.controller.ts';
import { Authentication } from './authentication.ts';
import { AuthorRights } from './author-rights.ts';
import { CredentialTrail } from './credential-trail.ts';
import { Door } from './door.ts';
import { IdentityChanges } from './identity-changes.ts';
import { JwtStrategy } from './jwt.strategy.ts';
import { KnownDevices } from './known-devices.ts';
import { LogInLinks } from './log-in-links.ts';
import { Logins } from './logins.ts';
import { MeController } from './me.controller.ts';
import { NetworkReaders } from './network-readers.ts';
import { OwnPassword } from './own-password.ts';
import { PermissionGuard } from './permission.guard.ts';
import { Principals } from './principals.ts';
import { SessionController } from './session.controller.ts';
import { Sessions } from './sessions.ts';
import { Tickets } from './tickets.ts';
import { UserPreferences } from './user-preferences.ts';

const sweepMs = 3_600_000;

@Global()
@Module({
  imports: [
    // What it signs with is said each time, as it may be another one tomorrow.
    JwtModule.register({
      signOptions: {
        algorithm: jwtAlgorithm,
        issuer: jwtIssuer,
        audience: jwtAudience,
        expiresIn: accessTokenSeconds,
      },
    }),
  ],
  controllers: [AuthController, MeController, SessionController],
  providers: [
    Authentication,
    AuthorRights,
    CredentialTrail,
    Door,
    IdentityChanges,
    JwtStrategy,
    KnownDevices,
    LogInLinks,
    Logins,
    NetworkReaders,
    OwnPassword,
    Principals,
    RateLimits,
    Sessions,
    Tickets,
    TokenVerifier,
    UserPreferences,
    { provide: APP_GUARD, useClass: PermissionGuard },
  ],
  exports: [
    Authentication,
    AuthorRights,
    CredentialTrail,
    Door,
    IdentityChanges,
    KnownDevices,
    NetworkReaders,
    Principals,
    RateLimits,
    Sessions,
    Tickets,
  ],
})
export class AuthModule implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly sessions: Sessions;
  private readonly logger: Logger;
  private sweep: NodeJS.Timeout | undefined;

  constructor(sessions: Sessions, @Inject(LOGGER) logger: Logger) {
    this.sessions = sessions;
    this.logger = logger;
  }

  onApplicationBootstrap(): void {
    const forget = () =>
      this.sessions.forgetEnded().catch((err: unknown) => this.logger.warn({ err }, 'old sessions were not deleted'));
    this.sweep = setInterval(() => void forget(), sweepMs).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.sweep);
  }
}
