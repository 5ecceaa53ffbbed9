import { createHmac, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Keys } from '../auth/keys.ts';
import { digestOf } from './audit-digest.ts';
import type { AuditHeadEntity } from './audit-chain.entity.ts';
import type { AuditEntity } from './audit.entity.ts';

/** Signs what a gateway wrote: whoever can only write to the database cannot. */
@Injectable()
export class AuditSigner {
  private readonly secrets: ReadonlyMap<string, Buffer>;
  private readonly current: string;

  constructor(keys: Keys) {
    const derived = keys.derive('audit');
    this.secrets = new Map(keys.all.map(({ kid }, at) => [kid, derived[at]!]));
    this.current = keys.current.kid;
  }

  signRecord(record: AuditEntity): string {
    return this.sign(textOf(record));
  }

  /** Whether it says what a gateway wrote. Only a record that is not in the chain yet has a signature of its own. */
  isSignedRecord(record: AuditEntity): boolean {
    return record.signature !== null && this.isSigned(textOf(record), record.signature);
  }

  signHead(sequence: number, hash: string): string {
    return this.sign(`${sequence}\0${hash}`);
  }

  isSignedHead({ sequence, hash, signature }: AuditHeadEntity): boolean {
    if (sequence === 0) return hash === '' && signature === '';
    return this.isSigned(`${sequence}\0${hash}`, signature);
  }

  private sign(text: string): string {
    return `${this.current}.${macOf(this.secrets.get(this.current)!, text)}`;
  }

  private isSigned(text: string, signature: string): boolean {
    const [kid = '', mac = ''] = signature.split('.');
    const secret = this.secrets.get(kid);
    if (!secret) return false;
    const expected = Buffer.from(macOf(secret, text));
    const given = Buffer.from(mac);
    return expected.length === given.length && timingSafeEqual(expected, given);
  }
}

/** No text of a head begins like this. */
const textOf = (record: AuditEntity): string => `record\0${digestOf(record)}`;

const macOf = (key: Buffer, text: string): string => createHmac('sha256', key).update(text).digest('hex');
