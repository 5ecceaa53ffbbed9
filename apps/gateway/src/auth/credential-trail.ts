import { Inject, Injectable } from '@nestjs/common';
import type { ProblemCode } from '@polyvirt/contracts';
import type { FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { Audit, type Actor, type AuditEntry } from '../audit/audit.ts';
import { LOGGER } from '../logger.ts';
import { RateLimits } from '../rate-limit/rate-limits.ts';
import type { Principal } from './caller.decorator.ts';

const hourMs = 3_600_000;
const mostUses = 10_000;

/** Where a credential was shown: a request, or a message of a live connection. */
export type Origin = Pick<FastifyRequest, 'ip' | 'id'> & { readonly clientRequestId?: string | undefined };

/** Where credentials are used, and where somebody tries some that are not good. */
@Injectable()
export class CredentialTrail {
  /** When the use of a token from an address was last recorded. */
  private readonly uses = new Map<string, number>();

  constructor(
    private readonly audit: Audit,
    private readonly limits: RateLimits,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Once an hour for each token and address: a program may ask every second. */
  async noteUse({ actor }: Principal, token: { id: string; name: string }, request: Origin): Promise<void> {
    const key = `${token.id} ${request.ip}`;
    const nowMs = Date.now();
    if (nowMs - (this.uses.get(key) ?? 0) < hourMs) return;
    if (this.uses.size >= mostUses) this.uses.delete(this.uses.keys().next().value!);
    this.uses.delete(key);
    this.uses.set(key, nowMs);
    await this.note(request, actor, { action: 'token.use', outcome: 'succeeded', target: token.name });
  }

  /** Of a token, or of a ticket. Anybody can have these by the thousand, so only so many of an address are kept. */
  async noteRefusal(kind: 'token' | 'ticket', code: ProblemCode, request: Origin): Promise<void> {
    if (await this.limits.mayRecord(request.ip))
      await this.note(request, '-', { action: `auth.${kind}`, outcome: 'refused', code });
  }

  /** That it could not be recorded is no reason to answer otherwise. */
  private async note({ ip, id, clientRequestId }: Origin, actor: string, entry: AuditEntry): Promise<void> {
    const who: Actor = { actor, address: ip, requestId: id, ...(clientRequestId !== undefined && { clientRequestId }) };
    await this.audit
      .note(who, entry)
      .catch((err: unknown) => this.logger.error({ err, requestId: id }, 'a credential was not recorded'));
  }
}
