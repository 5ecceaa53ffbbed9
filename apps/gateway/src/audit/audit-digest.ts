import { createHash } from 'node:crypto';
import type { AuditEntity } from './audit.entity.ts';

export const sha256 = (...parts: (string | number)[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex');

/** Of all that a record says. A field that is added later is left out while it is null, so that older records keep their digest. */
export const digestOf = (record: AuditEntity): string =>
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

/** Of what the record said before its operation ended: the one thing that a completed record may have said before. */
export const acceptedDigestOf = (record: AuditEntity): string | undefined =>
  record.outcome === 'accepted' ? undefined : digestOf({ ...record, outcome: 'accepted', code: null });
