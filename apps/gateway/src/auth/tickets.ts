import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ProblemError } from '@polyvirt/contracts';
import { LessThan } from 'typeorm';
import { Database } from '../database/database.ts';
import { HouseClock } from '../house-clock.ts';
import { Authentication } from './authentication.ts';
import { credentialIdOf, type Principal } from './caller.decorator.ts';
import { secretHash } from './secret-hash.ts';
import { TicketEntity } from './ticket.entity.ts';

const validMs = 30_000;

/** Stand in for a bearer token where a browser cannot send one, once and soon: an address may end up in a log. */
@Injectable()
export class Tickets {
  constructor(
    private readonly clock: HouseClock,
    private readonly database: Database,
    private readonly authentication: Authentication,
  ) {}

  async issue(purpose: string, owner: Principal): Promise<{ ticket: string; expiresAtMs: number }> {
    const ticket = randomBytes(32).toString('base64url');
    const nowMs = this.clock.now();
    const expiresAtMs = nowMs + validMs;
    await this.database.transaction(async (manager) => {
      await manager.delete(TicketEntity, { expiresAt: LessThan(nowMs) });
      await manager.insert(TicketEntity, {
        hash: secretHash(ticket),
        purpose,
        ...credentialIdOf(owner),
        expiresAt: expiresAtMs,
      });
    });
    return { ticket, expiresAtMs };
  }

  /** Takes the ticket; of several who come with it one succeeds. Throws `unauthenticated`. */
  async redeem(purpose: string, ticket: string): Promise<Principal> {
    const hash = secretHash(ticket);
    const row = await this.database.repository(TicketEntity).findOneBy({ hash, purpose });
    if (row && row.expiresAt > this.clock.now()) {
      const { affected } = await this.database.transaction((manager) => manager.delete(TicketEntity, { hash }));
      if (affected === 1) return this.authentication.lookAgain(row);
    }
    throw new ProblemError('unauthenticated', 'The ticket was used, has expired, or never was. Request a new one.');
  }
}
