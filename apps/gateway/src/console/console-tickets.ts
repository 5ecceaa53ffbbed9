import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  consoleActions,
  ProblemError,
  protocolOf,
  type ConsoleKind,
  type ConsoleTicket,
  type VmId,
} from '@polyvirt/contracts';
import { LessThan } from 'typeorm';
import { Audit } from '../audit/audit.ts';
import { credentialIdOf, type Caller, type CredentialId } from '../auth/caller.decorator.ts';
import { secretHash } from '../auth/secret-hash.ts';
import { isoTime } from '../database/columns.ts';
import { Database } from '../database/database.ts';
import { HouseClock } from '../house-clock.ts';
import { Commands } from '../vms/commands.ts';
import { ConsoleTicketEntity } from './console-ticket.entity.ts';

export const consolePath = '/api/v1/console';
const validMs = 30_000;

/** What a ticket was good for, and whose it was. */
export interface RedeemedTicket {
  readonly vmId: VmId;
  readonly kind: ConsoleKind;
  /** As the audit names them. */
  readonly actor: string;
  readonly owner: CredentialId;
}

/** The right to open the console of one VM, once and soon. A browser cannot send a bearer token with a WebSocket. */
@Injectable()
export class ConsoleTickets {
  constructor(
    private readonly clock: HouseClock,
    private readonly database: Database,
    private readonly commands: Commands,
    private readonly audit: Audit,
  ) {}

  /** Throws what a console of this VM would be refused with now. */
  async issue(vmId: VmId, kind: ConsoleKind, caller: Caller): Promise<ConsoleTicket> {
    this.commands.requireAction(vmId, consoleActions[kind]);
    const ticket = randomBytes(32).toString('base64url');
    const nowMs = this.clock.now();
    const expiresAt = nowMs + validMs;
    await this.database.transaction(async (manager) => {
      await manager.delete(ConsoleTicketEntity, { expiresAt: LessThan(nowMs) });
      await manager.insert(ConsoleTicketEntity, {
        hash: secretHash(ticket),
        vmId,
        kind,
        actor: caller.actor,
        ...credentialIdOf(caller),
        expiresAt,
      });
      await this.audit.record(manager, caller, { action: 'vm.console', outcome: 'succeeded', target: vmId });
    });
    return { url: `${consolePath}?ticket=${ticket}`, protocol: protocolOf[kind], expiresAt: isoTime(expiresAt) };
  }

  /**
   * Takes the ticket; of several who come with it one succeeds. Whether its owner may still look is for who opens the
   * console to find out. Throws `console-not-found`.
   */
  async redeem(ticket: string): Promise<RedeemedTicket> {
    const hash = secretHash(ticket);
    const row = await this.database.repository(ConsoleTicketEntity).findOneBy({ hash });
    if (row && row.expiresAt > this.clock.now()) {
      const { affected } = await this.database.transaction((manager) => manager.delete(ConsoleTicketEntity, { hash }));
      const { vmId, kind, actor, userId, sessionId, tokenId } = row;
      if (affected === 1) return { vmId, kind, actor, owner: { userId, sessionId, tokenId } };
    }
    throw new ProblemError('console-not-found', 'The ticket was used, has expired, or never was. Ask for a new one.');
  }
}
