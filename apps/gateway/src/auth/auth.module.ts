import { Global, Inject, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { JwtModule } from '@nestjs/jwt';
import type { Logger } from 'pino';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { LOGGER } from '../logger.ts';
import { RateLimits } from '../rate-limit/rate-limits.ts';
import { TokenVerifier } from '../tokens/token-verifier.ts';
import { accessTokenSeconds, jwtAlgorithm, jwtAudience, jwtIssuer } from './access-token.ts';
import { AuthController } from './auth.controller.ts';
import { Authentication } from './authentication.ts';
import { IdentityChanges } from './identity-changes.ts';
import { JwtStrategy } from './jwt.strategy.ts';
import { Logins } from './logins.ts';
import { MeController } from './me.controller.ts';
import { NetworkReaders } from './network-readers.ts';
import { OwnPassword } from './own-password.ts';
import { PermissionGuard } from './permission.guard.ts';
import { Principals } from './principals.ts';
import { Sessions } from './sessions.ts';
import { Tickets } from './tickets.ts';
import { UserPreferences } from './user-preferences.ts';

const sweepMs = 3_600_000;

@Global()
@Module({
  imports: [
    JwtModule.registerAsync({
      inject: [CONFIG],
      useFactory: ({ jwtSecret }: GatewayConfig) => ({
        secret: jwtSecret,
        signOptions: {
          algorithm: jwtAlgorithm,
          issuer: jwtIssuer,
          audience: jwtAudience,
          expiresIn: accessTokenSeconds,
        },
      }),
    }),
  ],
  controllers: [AuthController, MeController],
  providers: [
    Authentication,
    IdentityChanges,
    JwtStrategy,
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
  exports: [Authentication, IdentityChanges, NetworkReaders, Principals, RateLimits, Sessions, Tickets],
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
