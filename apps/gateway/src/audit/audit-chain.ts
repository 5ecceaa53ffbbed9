import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { AuditFault, AuditVerdict } from '@polyvirt/contracts';
import { Between, In, IsNull, MoreThan, type EntityManager } from 'typeorm';
import { Keys } from '../auth/keys.ts';
import { Database } from '../database/database.ts';
import { AuditHeadEntity, AuditLinkEntity } from './audit-chain.entity.ts';
import { AuditEntity } from './audit.entity.ts';

const headId = { id: 1 };
const pageSize = 1_000;
const mostFaults = 100;

/**
 * Binds each record to all that were written before it. Whoever changes, removes or adds one in the database breaks the chain, and
 * to make another one they would need the secret that signs its end.
 */
@Injectable()
export class AuditChain {
  constructor(
    private readonly database: Database,
    private readonly keys: Keys,
  ) {}

  /** Adds a link for what the record says now, in the transaction that writes it. Answers its number, which the record keeps. */
  async link(manager: EntityManager, record: AuditEntity): Promise<number> {
    // Takes the row first, so that no two writers follow the same link.
    await manager.increment(AuditHeadEntity, headId, 'sequence', 1);
    const head = await manager.findOneByOrFail(AuditHeadEntity, headId);
    const { sequence } = head;
    const digest = digestOf(record);
    const hash = hashOf(head.hash, sequence, record.id, digest);
    await manager.insert(AuditLinkEntity, { sequence, recordId: record.id, digest, hash });
    // A chain whose end was not ours stays unsigned: signing it would make it good.
    const signature = this.isSigned({ ...head, sequence: sequence - 1 }) ? this.sign(sequence, hash) : 'broken';
    await manager.update(AuditHeadEntity, headId, { hash, signature });
    return sequence;
  }

  /** Links what was recorded before there was a chain. Does nothing once there is one. */
  async adopt(): Promise<void> {
    await this.database.transaction(async (manager) => {
      const { sequence } = await manager.findOneByOrFail(AuditHeadEntity, headId);
      if (sequence > 0) return;
      for (;;) {
        const records = await manager.find(AuditEntity, {
          where: { sequence: IsNull() },
          order: { id: 'ASC' },
          take: pageSize,
        });
        for (const record of records)
          await manager.update(AuditEntity, { id: record.id }, { sequence: await this.link(manager, record) });
        if (records.length < pageSize) return;
      }
    });
  }

  /** Follows the whole chain, and compares each record with its latest link. */
  async verify(): Promise<AuditVerdict> {
    const faults: AuditFault[] = [];
    const head = await this.database.repository(AuditHeadEntity).findOneByOrFail(headId);
    let [hash, expected, matched] = ['', 1, 0];
    for (let from = 1; from <= head.sequence; from += pageSize) {
      const to = Math.min(from + pageSize - 1, head.sequence);
      const links = await this.database
        .repository(AuditLinkEntity)
        .find({ where: { sequence: Between(from, to) }, order: { sequence: 'ASC' } });
      const records = await this.recordsOf(links);
      for (const link of links) {
        if (link.sequence !== expected) faults.push(missing(expected, link.sequence - 1));
        else if (hashOf(hash, link.sequence, link.recordId, link.digest) !== link.hash)
          faults.push({
            kind: 'chain',
            sequence: link.sequence,
            detail: 'This link does not follow from the one before.',
          });
        [hash, expected] = [link.hash, link.sequence + 1];
        const fault = faultOf(link, records.get(link.recordId));
        if (fault) faults.push(fault);
        else if (records.get(link.recordId)!.sequence === link.sequence) matched += 1;
      }
    }
    if (expected <= head.sequence) faults.push(missing(expected, head.sequence));
    if (!this.isSigned(head) || (expected > head.sequence && hash !== head.hash))
      faults.push({
        kind: 'head',
        sequence: head.sequence,
        detail: 'The end of the chain is not one that a gateway has signed.',
      });
    const unlinked = await this.unlinked(head.sequence);
    for (const { id } of unlinked)
      faults.push({ kind: 'unlinked', recordId: id, detail: 'No gateway wrote this record: it is not in the chain.' });
    const records = await this.database.repository(AuditEntity).countBy({});
    const later = await this.later(head.sequence, faults);
    if (faults.length === 0 && matched !== records - later)
      faults.push({ kind: 'unlinked', detail: `${records - later - matched} records are in no link of the chain.` });
    return {
      intact: faults.length === 0,
      records,
      links: head.sequence,
      head: head.hash,
      faults: faults.slice(0, mostFaults),
    };
  }

  private async recordsOf(links: readonly AuditLinkEntity[]): Promise<ReadonlyMap<string, AuditEntity>> {
    const ids = [...new Set(links.map(({ recordId }) => recordId))];
    const records = await this.database.repository(AuditEntity).findBy({ id: In(ids) });
    return new Map(records.map((record) => [record.id, record]));
  }

  /** How many records were written since the end was read; one that only says so is a fault. */
  private async later(head: number, faults: AuditFault[]): Promise<number> {
    const records = await this.database.repository(AuditEntity).findBy({ sequence: MoreThan(head) });
    const links = await this.database.repository(AuditLinkEntity).findBy({ sequence: MoreThan(head) });
    const linked = new Map(links.map(({ sequence, recordId }) => [sequence, recordId]));
    for (const { id, sequence } of records)
      if (linked.get(sequence!) !== id)
        faults.push({ kind: 'unlinked', recordId: id, detail: `The chain has no link ${sequence} for this record.` });
    return records.length;
  }

  private unlinked(head: number): Promise<AuditEntity[]> {
    if (head === 0) return Promise.resolve([]);
    return this.database.repository(AuditEntity).find({ where: { sequence: IsNull() }, take: mostFaults });
  }

  private sign(sequence: number, hash: string): string {
    const { kid } = this.keys.current;
    return `${kid}.${macOf(this.keys.derive('audit')[0], sequence, hash)}`;
  }

  private isSigned({ sequence, hash, signature }: AuditHeadEntity): boolean {
    if (sequence === 0) return hash === '' && signature === '';
    const [kid, mac = ''] = signature.split('.');
    const at = this.keys.all.findIndex((key) => key.kid === kid);
    if (at < 0) return false;
    const expected = Buffer.from(macOf(this.keys.derive('audit')[at]!, sequence, hash));
    const given = Buffer.from(mac);
    return expected.length === given.length && timingSafeEqual(expected, given);
  }
}

function faultOf(link: AuditLinkEntity, record: AuditEntity | undefined): AuditFault | undefined {
  const { sequence, recordId } = link;
  if (!record) return { kind: 'removed', sequence, recordId, detail: 'The record was removed.' };
  // It was completed later, by a link that comes further on.
  if (record.sequence !== null && record.sequence > sequence) return undefined;
  if (record.sequence === sequence && digestOf(record) === link.digest) return undefined;
  return { kind: 'changed', sequence, recordId, detail: 'The record was changed after it was written.' };
}

const missing = (from: number, to: number): AuditFault => ({
  kind: 'chain',
  sequence: from,
  detail: from === to ? `Link ${from} was removed.` : `Links ${from} to ${to} were removed.`,
});

const sha256 = (...parts: (string | number)[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex');

const hashOf = (before: string, sequence: number, recordId: string, digest: string): string =>
  sha256(before, sequence, recordId, digest);

const macOf = (key: Buffer, sequence: number, hash: string): string =>
  createHmac('sha256', key).update(`${sequence}\0${hash}`).digest('hex');

/** Of all that a record says. A field that is added later is left out while it is null, so that older records keep their digest. */
const digestOf = (record: AuditEntity): string =>
  sha256(
    record.id,
    record.at,
    record.actor,
    record.address,
    record.action,
    JSON.stringify([record.target, record.detail]),
    record.outcome,
    JSON.stringify([record.code, record.requestId, record.clientRequestId, record.operationId]),
  );
