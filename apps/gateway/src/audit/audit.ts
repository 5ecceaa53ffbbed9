import { Injectable } from '@nestjs/common';
import type { AuditRecord } from '@polyvirt/contracts';
import type { EntityManager } from 'typeorm';
import type { Caller } from '../auth/caller.decorator.ts';
import { Database } from '../database/database.ts';
import { findRows, insertRows, updateRows } from '../database/known-rows.ts';
import { uuidV7 } from '../database/uuid-v7.ts';
import { AuditLinker } from './audit-linker.ts';
import { AuditSigner } from './audit-signer.ts';
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
export class Audit {
  constructor(
    private readonly database: Database,
    private readonly signer: AuditSigner,
    private readonly linker: AuditLinker,
  ) {}

  /** Records it in the transaction of the change itself; its link in the chain follows within moments. */
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
      signature: null,
    };
    record.signature = this.signer.signRecord(record);
    await insertRows(manager, AuditEntity, [record]);
    this.database.onCommit(() => this.linker.add(record));
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
    const records = await findRows(manager, AuditEntity, 'operationId', [operationId]);
    for (const record of records.filter((one) => one.outcome === 'accepted')) {
      const completed: AuditEntity = { ...record, outcome, code: code ?? null };
      // What somebody else has written into the record is not signed on the way.
      const isOurs = record.signature === null || this.signer.isSignedRecord(record);
      if (isOurs) completed.signature = this.signer.signRecord(completed);
      const change = { outcome, code: completed.code, signature: completed.signature };
      const affected = await updateRows(manager, AuditEntity, { id: record.id, outcome: 'accepted' }, change);
      if (affected === 1 && isOurs) this.database.onCommit(() => this.linker.add(completed));
    }
  }
}
