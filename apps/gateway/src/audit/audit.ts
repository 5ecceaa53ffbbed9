import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { AuditRecord } from '@polyvirt/contracts';
import type { EntityManager } from 'typeorm';
import type { Caller } from '../auth/caller.decorator.ts';
import { Database } from '../database/database.ts';
import { uuidV7 } from '../database/uuid-v7.ts';
import { AuditChain } from './audit-chain.ts';
import { AuditEntity } from './audit.entity.ts';

const longestTarget = 255;

export interface AuditEntry {
  /** Verb of the operation, or of the change: `vm.start`, `user.create`. */
  action: string;
  outcome: AuditRecord['outcome'];
  target?: string | undefined;
  /** What changed. */
  detail?: string | undefined;
  code?: string | undefined;
  operationId?: string | undefined;
}

/** The part of a caller that the audit keeps. */
export type Actor = Pick<Caller, 'actor' | 'address' | 'requestId' | 'clientRequestId'>;

/** Who did what, from where, and how it ended. */
@Injectable()
export class Audit implements OnApplicationBootstrap {
  constructor(
    private readonly database: Database,
    private readonly chain: AuditChain,
  ) {}

  onApplicationBootstrap(): Promise<void> {
    return this.chain.adopt();
  }

  /** Records it in the transaction of the change itself. */
  async record(manager: EntityManager, actor: Actor, entry: AuditEntry): Promise<void> {
    const record: AuditEntity = {
      id: uuidV7(),
      at: Date.now(),
      actor: actor.actor,
      address: actor.address,
      action: entry.action,
      target: entry.target === undefined ? null : [...entry.target].slice(0, longestTarget).join(''),
      detail: entry.detail ?? null,
      outcome: entry.outcome,
      code: entry.code ?? null,
      requestId: actor.requestId,
      clientRequestId: actor.clientRequestId ?? null,
      operationId: entry.operationId ?? null,
      sequence: null,
    };
    record.sequence = await this.chain.link(manager, record);
    await manager.insert(AuditEntity, record);
  }

  /** Records what changed nothing, such as a refusal. */
  async note(actor: Actor, entry: AuditEntry): Promise<void> {
    await this.database.transaction((manager) => this.record(manager, actor, entry));
  }

  /** Completes the records of an operation with how it ended. A second ending of the same operation changes nothing. */
  async ended(
    manager: EntityManager,
    operationId: string,
    outcome: 'succeeded' | 'failed' | 'cancelled',
    code?: string,
  ): Promise<void> {
    for (const record of await manager.findBy(AuditEntity, { operationId, outcome: 'accepted' })) {
      const completed = { outcome, code: code ?? null };
      const sequence = await this.chain.link(manager, { ...record, ...completed });
      await manager.update(AuditEntity, { id: record.id }, { ...completed, sequence });
    }
  }
}
