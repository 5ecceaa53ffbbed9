import { Injectable } from '@nestjs/common';
import { In, IsNull, type EntityManager, type FindOperator } from 'typeorm';
import { AuditHeadEntity, AuditLinkEntity } from './audit-chain.entity.ts';
import { acceptedDigestOf, digestOf, sha256 } from './audit-digest.ts';
import { AuditSigner } from './audit-signer.ts';
import { AuditEntity } from './audit.entity.ts';

export const headId = { id: 1 };
const pageSize = 200;

/**
 * Binds each record to all that were linked before it. Whoever changes, removes or adds one in the database breaks the chain, and
 * to make another one they would need the secret that signs its end.
 */
@Injectable()
export class AuditChain {
  constructor(private readonly signer: AuditSigner) {}

  /**
   * Adds a link for each of these as they were written, in their order. What has its link already, from here or from another gateway,
   * gets no second one.
   */
  async append(manager: EntityManager, written: readonly AuditEntity[]): Promise<void> {
    const head = await this.takeHead(manager);
    await this.extend(manager, head, written, In(written.map(({ signature }) => signature)));
  }

  /** Links what was recorded before there was a chain. Does nothing once there is one. */
  async adopt(manager: EntityManager): Promise<void> {
    let head = await this.takeHead(manager);
    if (head.sequence > 0) return;
    for (;;) {
      const records = await manager.find(AuditEntity, {
        where: { sequence: IsNull(), signature: IsNull() },
        order: { id: 'ASC' },
        take: pageSize,
      });
      head = await this.extend(manager, head, records, IsNull());
      if (records.length < pageSize) return;
    }
  }

  /** Of two who would follow the same link, the second waits here until the first has committed. */
  private async takeHead(manager: EntityManager): Promise<AuditHeadEntity> {
    await manager.update(AuditHeadEntity, headId, headId);
    return manager.findOneByOrFail(AuditHeadEntity, headId);
  }

  private async extend(
    manager: EntityManager,
    head: AuditHeadEntity,
    written: readonly AuditEntity[],
    signature: FindOperator<unknown>,
  ): Promise<AuditHeadEntity> {
    const links = await this.newLinks(manager, head, written);
    const last = links.at(-1);
    if (!last) return head;
    await manager.insert(AuditLinkEntity, links);
    const ids = [...new Set(links.map(({ recordId }) => recordId))];
    const numbers = new Map(links.map(({ recordId, sequence }) => [recordId, sequence]));
    // One that was completed meanwhile has another signature: it is left to the next time.
    await manager
      .createQueryBuilder()
      .update(AuditEntity)
      .set({
        signature: null,
        sequence: () => `CASE id ${ids.map((_, n) => `WHEN :id${n} THEN ${numbers.get(ids[n]!)}`).join(' ')} END`,
      })
      .where({ id: In(ids), signature })
      .setParameters(Object.fromEntries(ids.map((id, n) => [`id${n}`, id])))
      .execute();
    const { sequence, hash } = last;
    // A chain whose end was not ours stays unsigned: signing it would make it good.
    const end = {
      sequence,
      hash,
      signature: this.signer.isSignedHead(head) ? this.signer.signHead(sequence, hash) : 'broken',
    };
    await manager.update(AuditHeadEntity, headId, end);
    return { ...headId, ...end };
  }

  private async newLinks(
    manager: EntityManager,
    head: AuditHeadEntity,
    written: readonly AuditEntity[],
  ): Promise<AuditLinkEntity[]> {
    const ids = [...new Set(written.map(({ id }) => id))];
    const known = await manager.find(AuditLinkEntity, { where: { recordId: In(ids) }, order: { sequence: 'ASC' } });
    const digests = new Map(
      ids.map((id) => [id, known.filter(({ recordId }) => recordId === id).map(({ digest }) => digest)]),
    );
    const links: AuditLinkEntity[] = [];
    let { sequence, hash } = head;
    const completed = new Set(written.map(acceptedDigestOf));
    for (const record of written) {
      const digest = digestOf(record);
      const before = digests.get(record.id)!;
      // One link says both when its operation has ended meanwhile.
      if (completed.has(digest) || !follows(record, before)) continue;
      before.push(digest);
      sequence += 1;
      hash = hashOf(hash, sequence, record.id, digest);
      links.push({ sequence, recordId: record.id, digest, hash });
    }
    return links;
  }
}

/** A record has one link, and one more when its operation has ended since the first. */
function follows(record: AuditEntity, before: readonly string[]): boolean {
  return before.length === 0 || (before.length === 1 && before[0] === acceptedDigestOf(record));
}

export const hashOf = (before: string, sequence: number, recordId: string, digest: string): string =>
  sha256(before, sequence, recordId, digest);
