import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { IsNull, MoreThan, Not } from 'typeorm';
import { Database } from '../database/database.ts';
import { LOGGER } from '../logger.ts';
import { TIMES, type GatewayTimes } from '../times.ts';
import { AuditChain } from './audit-chain.ts';
import { AuditSigner } from './audit-signer.ts';
import { AuditEntity } from './audit.entity.ts';

/** The database is busy with so many at once for a few milliseconds. */
const mostAtOnce = 100;

/**
 * Puts records into the chain, many at once and behind the transactions that wrote them, so that none of these waits for another.
 * What this process wrote is linked from memory: removed from the database before, it is missed from then on. What a process that
 * was killed has left is linked from the database, if its signature is good.
 */
@Injectable()
export class AuditLinker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private written: AuditEntity[] = [];
  private soon: NodeJS.Timeout | undefined;
  private looking: NodeJS.Timeout | undefined;
  private linking: Promise<void> = Promise.resolve();
  private isStopped = false;

  constructor(
    private readonly database: Database,
    private readonly chain: AuditChain,
    private readonly signer: AuditSigner,
    @Inject(TIMES) private readonly times: Pick<GatewayTimes, 'auditLinkMs' | 'auditLookMs'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.database.transaction((manager) => this.chain.adopt(manager));
    await this.linkLeft();
    this.looking = setInterval(() => void this.inTurn(() => this.linkLeft()), this.times.auditLookMs).unref();
  }

  /** Others still write while they are being closed; the database is closed after this. */
  async beforeApplicationShutdown(): Promise<void> {
    this.isStopped = true;
    clearInterval(this.looking);
    await this.link();
  }

  /** To be called when the record has been committed as it is here. */
  add(record: AuditEntity): void {
    this.written.push(record);
    if (this.isStopped) void this.link();
    else this.soon ??= setTimeout(() => void this.link(), this.times.auditLinkMs);
  }

  /** Links all that this process has written so far. What cannot be linked now is tried again. */
  link(): Promise<void> {
    clearTimeout(this.soon);
    this.soon = undefined;
    return this.inTurn(() => this.linkWritten());
  }

  private inTurn(work: () => Promise<void>): Promise<void> {
    this.linking = this.linking.then(work).catch((err: unknown) => {
      this.logger.error({ err }, 'the audit cannot be linked');
      if (!this.isStopped && this.written.length > 0)
        this.soon ??= setTimeout(() => void this.link(), this.times.auditLookMs);
    });
    return this.linking;
  }

  private async linkWritten(): Promise<void> {
    while (this.written.length > 0) {
      const some = this.written.slice(0, mostAtOnce);
      await this.database.transaction((manager) => this.chain.append(manager, some));
      this.written = this.written.slice(some.length);
    }
  }

  private async linkLeft(): Promise<void> {
    for (let after = ''; ;) {
      const left = await this.database.repository(AuditEntity).find({
        where: { id: MoreThan(after), signature: Not(IsNull()) },
        order: { id: 'ASC' },
        take: mostAtOnce,
      });
      const ours = left.filter((record) => this.signer.isSignedRecord(record));
      if (ours.length > 0) await this.database.transaction((manager) => this.chain.append(manager, ours));
      if (left.length < mostAtOnce) return;
      after = left.at(-1)!.id;
    }
  }
}
