import { createHash, createHmac, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ProblemError } from '@polyvirt/contracts';
import { IsNull, LessThan, type EntityManager } from 'typeorm';
import type { Logger } from 'pino';
import { Keys, type Sealed } from '../auth/keys.ts';
import { isDuplicate } from '../database/database-errors.ts';
import { Database } from '../database/database.ts';
import { HouseClock } from '../house-clock.ts';
import { LOGGER } from '../logger.ts';
import type { IdempotencyClaim, StoredAnswer } from './idempotency-claim.ts';
import { IdempotencyEntity } from './idempotency.entity.ts';

const hour = 3_600_000;
const keptMs = 24 * hour;
/** Far longer than any request takes up to the commit of its change. */
const heldMs = 10_000;
/** A repeat waits for the first request this long: until its hold runs out, and a little. */
const waitMs = heldMs + 2_000;
const pollMs = 50;

export interface KeyedRequest {
  /** Whose key it is: keys of different callers never meet. */
  caller: string;
  key: string;
  method: string;
  url: string;
  /** As the route's schema has it. */
  body: unknown;
}

export type Opening = { kind: 'first'; claim: HeldClaim } | { kind: 'repeat'; answer: StoredAnswer };

/** Answers of POST requests by their `Idempotency-Key`, kept for 24 hours. */
@Injectable()
export class Idempotency implements OnModuleInit, OnApplicationShutdown {
  private readonly database: Database;
  private readonly keys: Keys;
  private readonly logger: Logger;
  private sweep: NodeJS.Timeout | undefined;

  constructor(
    database: Database,
    keys: Keys,
    private readonly clock: HouseClock,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.database = database;
    this.logger = logger;
    this.keys = keys;
  }

  onModuleInit(): void {
    this.sweep = setInterval(() => void this.sweepOnce(), hour).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.sweep);
  }

  /**
   * Takes the key for this request, or finds the answer that the first one got. While the first one is under way a
   * repeat waits for it. Throws `idempotency-key-reused` when the key belongs to a different request.
   */
  async open(request: KeyedRequest): Promise<Opening> {
    const id = sha256(`${request.caller}\0${request.key}`);
    const [fingerprint, ...former] = this.fingerprintsOf(request);
    const deadline = performance.now() + waitMs;
    for (;;) {
      const row = await this.database.repository(IdempotencyEntity).findOneBy({ id });
      const known = row && row.expiresAt > this.clock.now() ? row : undefined;
      if (known && ![fingerprint, ...former].includes(known.fingerprint)) {
        throw new ProblemError(
          'idempotency-key-reused',
          'This Idempotency-Key was used for another request within the last 24 hours; take a new one.',
        );
      }
      if (known?.status) return { kind: 'repeat', answer: this.unseal(known, request.key) };
      if (!known || known.heldUntil < this.clock.now()) {
        const owner = await this.take(id, fingerprint!, row);
        if (owner)
          return { kind: 'first', claim: new HeldClaim(this.database, id, owner, this.sealer(id, request.key)) };
      }
      if (performance.now() > deadline) {
        throw new ProblemError('vm-busy', 'The first request with this Idempotency-Key is still being answered.');
      }
      await delay(pollMs);
    }
  }

  private async sweepOnce(): Promise<void> {
    await this.forgetExpired().catch((err: unknown) => this.logger.warn({ err }, 'old answers were not deleted'));
  }

  async forgetExpired(): Promise<void> {
    await this.database.transaction((manager) =>
      manager.delete(IdempotencyEntity, { expiresAt: LessThan(this.clock.now()) }),
    );
  }

  /** The new owner, or undefined when another request was quicker. */
  private async take(id: string, fingerprint: string, stale: IdempotencyEntity | null): Promise<string | undefined> {
    const owner = randomUUID();
    const now = this.clock.now();
    const held = { fingerprint, owner, heldUntil: now + heldMs, expiresAt: now + keptMs };
    const unanswered = { status: null, operationId: null, answer: null };
    try {
      return await this.database.transaction(async (manager) => {
        if (!stale) {
          await manager.insert(IdempotencyEntity, { id, ...held, ...unanswered });
          return owner;
        }
        const { affected } = await manager.update(
          IdempotencyEntity,
          { id, owner: stale.owner, heldUntil: stale.heldUntil },
          { ...held, ...unanswered },
        );
        return affected === 1 ? owner : undefined;
      });
    } catch (error) {
      if (isDuplicate(error)) return undefined;
      throw error;
    }
  }

  private sealer(id: string, key: string) {
    return ({ body, headers }: StoredAnswer): string =>
      this.keys.seal(JSON.stringify({ body, headers }), sealedUnder(id, key));
  }

  private unseal(row: IdempotencyEntity, key: string): StoredAnswer {
    const text = this.keys.unseal(row.answer!, sealedUnder(row.id, key));
    const { body, headers } = JSON.parse(text) as Pick<StoredAnswer, 'body' | 'headers'>;
    return {
      status: row.status!,
      body,
      ...(headers && { headers }),
      ...(row.operationId !== null && { operationId: row.operationId }),
    };
  }

  /** Keyed, because a body can hold a password, and whoever reads the database could try passwords on a plain digest. */
  private fingerprintsOf({ method, url, body }: KeyedRequest): string[] {
    const text = `${method}\0${url}\0${JSON.stringify(body) ?? ''}`;
    return this.keys.derive('fingerprint').map((key) => createHmac('sha256', key).update(text).digest('hex'));
  }
}

/** Takes both our secret and the caller's key, of which the database has only a hash. */
const sealedUnder = (id: string, key: string): Sealed => ({ purpose: 'idempotency', salt: key, context: id });

export class HeldClaim implements IdempotencyClaim {
  private readonly database: Database;
  private readonly id: string;
  private readonly owner: string;
  private readonly seal: (answer: StoredAnswer) => string;

  constructor(database: Database, id: string, owner: string, seal: (answer: StoredAnswer) => string) {
    this.database = database;
    this.id = id;
    this.owner = owner;
    this.seal = seal;
  }

  async answer(manager: EntityManager, answer: StoredAnswer): Promise<void> {
    if (await this.write(manager, answer)) return;
    throw new ProblemError('vm-busy', 'Another request took this Idempotency-Key over; repeat this one.');
  }

  /** Keeps the answer of a request that did not do so itself. */
  async settle(answer: StoredAnswer): Promise<void> {
    await this.database.transaction((manager) => this.write(manager, answer));
  }

  /** Frees the key of a request that failed, and so changed nothing; one that was answered stays. */
  async release(): Promise<void> {
    await this.database.transaction((manager) => manager.delete(IdempotencyEntity, this.unanswered()));
  }

  private async write(manager: EntityManager, answer: StoredAnswer): Promise<boolean> {
    const { affected } = await manager.update(IdempotencyEntity, this.unanswered(), {
      status: answer.status,
      operationId: answer.operationId ?? null,
      answer: this.seal(answer),
    });
    return affected === 1;
  }

  private unanswered() {
    return { id: this.id, owner: this.owner, status: IsNull() };
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
