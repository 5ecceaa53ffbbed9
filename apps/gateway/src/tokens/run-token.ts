import { randomUUID } from 'node:crypto';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { rolePermissions } from '@polyvirt/contracts';
import type { Logger } from 'pino';
import type { EntityManager } from 'typeorm';
import { Audit } from '../audit/audit.ts';
import { IdentityChanges } from '../auth/identity-changes.ts';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { LOGGER } from '../logger.ts';
import { UserEntity } from '../users/user.entity.ts';
import { tokenSecretOf } from './token-secrets.ts';
import { TokenEntity } from './token.entity.ts';

/** No person calls theirs so. */
const name = 'npm start: run.json';
const validMs = 366 * 24 * 3_600_000;
const whoever = { actor: 'npm start', address: '-', requestId: '-' };

/**
 * The API token that whoever started this gateway has given it, so that scripts on the same machine find their way in whatever has
 * become of the first password. It is an administrator's, replaces that of the last start, and goes when the gateway stops.
 */
@Injectable()
export class RunToken implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly secret: string | undefined;

  constructor(
    private readonly changes: IdentityChanges,
    private readonly audit: Audit,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(CONFIG) { runToken }: GatewayConfig,
  ) {
    this.secret = runToken;
  }

  async onApplicationBootstrap(): Promise<void> {
    const { secret } = this;
    if (secret === undefined) return;
    await this.changes.change(async (manager) => {
      await this.remove(manager);
      const [owner] = await manager.find(UserEntity, {
        where: { role: 'admin', disabled: false },
        order: { createdAt: 'ASC', id: 'ASC' },
        take: 1,
      });
      if (!owner) {
        this.logger.warn('nobody is an administrator, so there is no token for run.json');
        return;
      }
      const { prefix, hash } = tokenSecretOf(secret);
      await manager.insert(TokenEntity, {
        id: randomUUID(),
        userId: owner.id,
        name,
        prefix,
        secretHash: hash,
        scopes: [...rolePermissions.admin],
        createdAt: Date.now(),
        expiresAt: Date.now() + validMs,
        lastUsedAt: null,
      });
      await this.audit.record(manager, whoever, {
        action: 'token.create',
        outcome: 'succeeded',
        target: name,
        detail: `all scopes, of ${owner.username}, until the gateway stops`,
      });
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    if (this.secret === undefined) return;
    await this.changes.change(async (manager) => {
      if (await this.remove(manager))
        await this.audit.record(manager, whoever, { action: 'token.delete', outcome: 'succeeded', target: name });
    });
  }

  private async remove(manager: EntityManager): Promise<boolean> {
    const { affected } = await manager.delete(TokenEntity, { name });
    return (affected ?? 0) > 0;
  }
}
