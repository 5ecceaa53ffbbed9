import { Global, Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import type { Logger } from 'pino';
import { AuditModule } from './audit/audit.module.ts';
import { AuthModule } from './auth/auth.module.ts';
import { Keys } from './auth/keys.ts';
import { Passwords } from './auth/passwords.ts';
import { BUS_REALM } from './bus/bus-accounts.ts';
import { CONFIG, type GatewayConfig } from './config.ts';
import { DatabaseModule } from './database/database.module.ts';
import { HealthModule } from './health/health.module.ts';
import { HouseClock } from './house-clock.ts';
import { ConnectionLimit } from './http/connection-limit.ts';
import { Cursors } from './http/cursor.ts';
import { DeclaredQueryInterceptor } from './http/declared-query.interceptor.ts';
import { FreshConnections } from './http/fresh-connections.ts';
import { MemoryLists } from './http/memory-list.ts';
import { ProblemFilter } from './http/problem.filter.ts';
import { TlsRenewal } from './http/tls-renewal.ts';
import { TLS_FILES, type TlsFiles } from './http/tls.ts';
import { Upgrades } from './http/upgrades.ts';
import { ValidationPipe } from './http/validation.pipe.ts';
import { IdempotencyModule } from './idempotency/idempotency.module.ts';
import { LOGGER } from './logger.ts';
import { OpenApiModule } from './openapi/openapi.module.ts';
import { productionTimes, TIMES, type GatewayTimes } from './times.ts';
import { TokensModule } from './tokens/tokens.module.ts';
import { UsersModule } from './users/users.module.ts';
import { WebPagesModule } from './web-pages/web-pages.module.ts';

/** What is cheaper in tests than in production. */
export interface Foundation {
  readonly times?: Partial<GatewayTimes> | undefined;
  readonly passwordCost?: number | undefined;
  /** Of the accounts on a nats-server that several tests share. */
  readonly busRealm?: string | undefined;
  /** The certificate of the gateway, where it has one. */
  readonly tls?: TlsFiles | undefined;
}

/** What stands by itself, without a bus: HTTP, the database, identity, audit, health and the API's description. */
@Global()
@Module({
  imports: [
    DatabaseModule,
    HealthModule,
    AuditModule,
    IdempotencyModule,
    AuthModule,
    UsersModule,
    TokensModule,
    OpenApiModule,
    WebPagesModule,
  ],
  providers: [
    Cursors,
    HouseClock,
    Keys,
    ConnectionLimit,
    FreshConnections,
    Upgrades,
    MemoryLists,
    TlsRenewal,
    { provide: APP_FILTER, useClass: ProblemFilter },
    { provide: APP_INTERCEPTOR, useClass: DeclaredQueryInterceptor },
    { provide: APP_PIPE, useClass: ValidationPipe },
  ],
  exports: [ConnectionLimit, Cursors, HouseClock, Keys, MemoryLists, Upgrades],
})
export class FoundationModule {
  static with(
    config: GatewayConfig,
    logger: Logger,
    { times, passwordCost, busRealm = '', tls }: Foundation = {},
  ): DynamicModule {
    const given = [
      { provide: CONFIG, useValue: config },
      { provide: LOGGER, useValue: logger },
      { provide: TIMES, useValue: { ...productionTimes, ...times } satisfies GatewayTimes },
      { provide: BUS_REALM, useValue: busRealm },
      { provide: TLS_FILES, useValue: tls },
      { provide: Passwords, useValue: new Passwords(passwordCost) },
    ];
    return { module: FoundationModule, providers: given, exports: given };
  }
}
