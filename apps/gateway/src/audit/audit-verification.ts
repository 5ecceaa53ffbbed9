import { Injectable } from '@nestjs/common';
import type { AuditFault, AuditVerdict } from '@polyvirt/contracts';
import { Between, In, MoreThan, type FindOperator } from 'typeorm';
import { Database } from '../database/database.ts';
import { AuditHeadEntity, AuditLinkEntity } from './audit-chain.entity.ts';
import { hashOf, headId } from './audit-chain.ts';
import { acceptedDigestOf, digestOf } from './audit-digest.ts';
import { AuditLinker } from './audit-linker.ts';
import { AuditSigner } from './audit-signer.ts';
import { AuditEntity } from './audit.entity.ts';

const pageSize = 500;
const mostFaults = 100;

/** Whether the audit is as it was written. */
@Injectable()
export class AuditVerification {
  constructor(
    private readonly database: Database,
    private readonly signer: AuditSigner,
    private readonly linker: AuditLinker,
  ) {}

  /** Follows the whole chain and compares it with the records, then looks for the link of each record. */
  async verify(): Promise<AuditVerdict> {
    await this.linker.link();
    const head = await this.database.repository(AuditHeadEntity).findOneByOrFail(headId);
    const faults = await this.faultsOfChain(head);
    const { records, unlinked } = await this.compareRecords(faults);
    return {
      intact: faults.length === 0,
      records,
      links: head.sequence,
      unlinked,
      head: head.hash,
      faults: faults.slice(0, mostFaults),
    };
  }

  private async faultsOfChain(head: AuditHeadEntity): Promise<AuditFault[]> {
    const faults: AuditFault[] = [];
    let [hash, expected] = ['', 1];
    for (let from = 1; from <= head.sequence; from += pageSize) {
      const to = Math.min(from + pageSize - 1, head.sequence);
      const links = await this.linksOf(Between(from, to));
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
        const fault = this.faultOf(link, records.get(link.recordId));
        if (fault) faults.push(fault);
      }
    }
    if (expected <= head.sequence) faults.push(missing(expected, head.sequence));
    if (!this.signer.isSignedHead(head) || (expected > head.sequence && hash !== head.hash))
      faults.push({
        kind: 'head',
        sequence: head.sequence,
        detail: 'The end of the chain is not one that a gateway has signed.',
      });
    return faults;
  }

  private faultOf(link: AuditLinkEntity, record: AuditEntity | undefined): AuditFault | undefined {
    const { sequence, recordId } = link;
    if (!record) return { kind: 'removed', sequence, recordId, detail: 'The record was removed.' };
    const isLatest = record.signature === null && record.sequence === sequence;
    if (isLatest ? digestOf(record) === link.digest : this.isCompletedSince(link, record)) return undefined;
    return { kind: 'changed', sequence, recordId, detail: 'The record was changed after it was written.' };
  }

  /** By a link that comes further on, or by a gateway whose link is yet to come. */
  private isCompletedSince(link: AuditLinkEntity, record: AuditEntity): boolean {
    const isLater =
      record.signature === null
        ? record.sequence !== null && record.sequence > link.sequence
        : this.signer.isSignedRecord(record);
    return isLater && acceptedDigestOf(record) === link.digest;
  }

  /** Each record has the link that it names, or else the signature of a gateway that has yet to link it. */
  private async compareRecords(faults: AuditFault[]): Promise<Pick<AuditVerdict, 'records' | 'unlinked'>> {
    const faulty = new Set(faults.map(({ recordId }) => recordId));
    let [records, unlinked] = [0, 0];
    for (let after = ''; ;) {
      const page = await this.database
        .repository(AuditEntity)
        .find({ where: { id: MoreThan(after) }, order: { id: 'ASC' }, take: pageSize });
      const sequences = page.map(({ sequence }) => sequence).filter((sequence) => sequence !== null);
      const links = new Map((await this.linksOf(In(sequences))).map((link) => [link.sequence, link.recordId]));
      records += page.length;
      for (const record of page) {
        const { id, sequence } = record;
        if (this.signer.isSignedRecord(record)) unlinked += 1;
        else if (!faulty.has(id) && (sequence === null || links.get(sequence) !== id))
          faults.push({
            kind: 'unlinked',
            recordId: id,
            detail: 'No gateway wrote this record: it is not in the chain.',
          });
      }
      if (page.length < pageSize) return { records, unlinked };
      after = page.at(-1)!.id;
    }
  }

  private linksOf(sequence: FindOperator<number>): Promise<AuditLinkEntity[]> {
    return this.database.repository(AuditLinkEntity).find({ where: { sequence }, order: { sequence: 'ASC' } });
  }

  private async recordsOf(links: readonly AuditLinkEntity[]): Promise<ReadonlyMap<string, AuditEntity>> {
    const ids = [...new Set(links.map(({ recordId }) => recordId))];
    const records = await this.database.repository(AuditEntity).findBy({ id: In(ids) });
    return new Map(records.map((record) => [record.id, record]));
  }
}

const missing = (from: number, to: number): AuditFault => ({
  kind: 'chain',
  sequence: from,
  detail: from === to ? `Link ${from} was removed.` : `Links ${from} to ${to} were removed.`,
});
