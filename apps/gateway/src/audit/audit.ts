import { Injectable } from '@nestjs/common';
import type { AuditRecord } from '@polyvirt/contracts';
import type { EntityManager } from 'typeorm';
import type { Caller } from '../auth/caller.decorator.ts';
import { Database } from '../database/database.ts';
import { uuidV7 } from '../database/uuid-v7.ts';
import { AuditEntity } from './audit.entity.ts';

const longestTarget = 255;

export interface AuditEntry {
  /** Verb of the operation, or of the change: `vm.start`, `user.create`. */
  action: string;
  outcome: AuditRecord['outcome'];
  target?: string | undefined;
  code?: string | undefined;
  operationId?: string | undefined;
}

/** The part of a caller that the audit keeps. */
export type Actor = Pick<Caller, 'actor' | 'address' | 'requestId'>;

/** Who did what, from where, and how it ended. */
@Injectable()
export class Audit {
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  /** Records it in the transaction of the change itself. */
  async record(manager: EntityManager, actor: Actor, entry: AuditEntry): Promise<void> {
    await manager.insert(AuditEntity, {
      id: uuidV7(),
      at: Date.now(),
      actor: actor.actor,
      address: actor.address,
      action: entry.action,
      target: entry.target === undefined ? null : [...entry.target].slice(0, longestTarget).join(''),
      outcome: entry.outcome,
      code: entry.code ?? null,
      requestId: actor.requestId,
      operationId: entry.operationId ?? null,
    });
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
    await manager.update(AuditEntity, { operationId, outcome: 'accepted' }, { outcome, code: code ?? null });
  }
}
