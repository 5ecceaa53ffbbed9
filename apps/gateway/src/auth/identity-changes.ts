import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import type { EntityManager } from 'typeorm';
import { Database } from '../database/database.ts';
import { LOGGER } from '../logger.ts';
import { TIMES, type GatewayTimes } from '../times.ts';
import { IdentityRevisionEntity } from './identity-revision.entity.ts';

const row = { id: 1 };

/**
 * Tells when a credential may have lost its worth. In this process at once; gateways that share the database see the
 * number of the row grow within a second.
 */
@Injectable()
export class IdentityChanges implements OnModuleInit, OnApplicationShutdown {
  private readonly database: Database;
  private readonly logger: Logger;
  private readonly pollMs: number;
  private readonly listeners = new Set<() => void>();
  private poll: NodeJS.Timeout | undefined;
  private looking = false;
  private known = 0;

  constructor(database: Database, @Inject(LOGGER) logger: Logger, @Inject(TIMES) { identityPollMs }: GatewayTimes) {
    this.database = database;
    this.logger = logger;
    this.pollMs = identityPollMs;
  }

  async onModuleInit(): Promise<void> {
    this.known = await this.read();
    this.poll = setInterval(() => void this.look(), this.pollMs).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.poll);
  }

  /** Calls `listener` after every change, until what it returns is called. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Runs a change of users, sessions or tokens. Such changes happen one at a time, on all gateways, because each begins
   * by taking the one row.
   */
  async change<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const { result, revision } = await this.database.transaction(async (manager) => {
      await manager.increment(IdentityRevisionEntity, row, 'revision', 1);
      const { revision } = await manager.findOneByOrFail(IdentityRevisionEntity, row);
      return { result: await work(manager), revision };
    });
    this.known = Math.max(this.known, revision);
    this.tell();
    return result;
  }

  private async look(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    try {
      const revision = await this.read();
      if (revision <= this.known) return;
      this.known = revision;
      this.tell();
    } catch (err) {
      // Who cannot ask has to assume the worst.
      this.logger.warn({ err }, 'the identity revision cannot be read');
      this.tell();
    } finally {
      this.looking = false;
    }
  }

  private async read(): Promise<number> {
    const found = await this.database.repository(IdentityRevisionEntity).findOneByOrFail(row);
    return found.revision;
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}
