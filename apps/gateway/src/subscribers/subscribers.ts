import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus, ensureSubscriber, removeSubscriber, subscriberClient } from '@polyvirt/bus';
import {
  ProblemError,
  streams,
  subscriberConsumers,
  type CreatedSubscriber,
  type CreateSubscriberInput,
  type EventReader,
  type Page,
  type Subscriber,
} from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { IsNull, LessThan, Not } from 'typeorm';
import { z } from 'zod';
import { Audit } from '../audit/audit.ts';
import type { Caller } from '../auth/caller.decorator.ts';
import { BusAccounts } from '../bus/bus-accounts.ts';
import { isoTime } from '../database/columns.ts';
import { isDuplicate } from '../database/database-errors.ts';
import { Database } from '../database/database.ts';
import { uuidV7 } from '../database/uuid-v7.ts';
import { Cursors } from '../http/cursor.ts';
import { LOGGER } from '../logger.ts';
import { SubscriberEntity } from './subscriber.entity.ts';

/** Each costs the stream of events one consumer, or one for each of its hosts. */
const mostSubscribers = 100;
/** How long a caller waits for a bus that is away. */
const busWithinMs = 5_000;

const Position = z.object({ createdAt: z.number(), id: z.string() });

export const subscriberPath = (id: string): string => `/api/v1/subscribers/${id}`;

/**
 * Programs that read events from the bus. The row comes first, and what the bus has to have for it is made after it and made
 * again at every start: a gateway that is killed in between leaves a subscriber that works or can be revoked, and one that
 * was revoked is gone from the bus before its row is.
 */
@Injectable()
export class Subscribers implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController();
  private forget: (() => void) | undefined;
  private settling: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly bus: Bus,
    private readonly accounts: BusAccounts,
    private readonly audit: Audit,
    private readonly cursors: Cursors,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.accounts.isAvailable) return;
    // A server that comes back may come back empty.
    this.forget = this.bus.onReconnect(() => this.settle());
    this.settle();
  }

  async onModuleDestroy(): Promise<void> {
    this.forget?.();
    this.stopping.abort();
    await this.settling;
  }

  /** The newest first. */
  async list(limit: number, cursor: string | undefined): Promise<Page<Subscriber>> {
    const after = cursor === undefined ? undefined : this.cursors.open('subscribers', cursor, Position);
    const kept = { revokedAt: IsNull() };
    const found = await this.rows.find({
      where: after
        ? [
            { ...kept, createdAt: LessThan(after.createdAt) },
            { ...kept, createdAt: after.createdAt, id: LessThan(after.id) },
          ]
        : kept,
      order: { createdAt: 'DESC', id: 'DESC' },
      take: limit + 1,
    });
    const items = found.slice(0, limit);
    const last = found.length > limit ? items.at(-1) : undefined;
    return {
      items: items.map(shownSubscriber),
      ...(last && { nextCursor: this.cursors.seal('subscribers', { createdAt: last.createdAt, id: last.id }) }),
    };
  }

  async get(id: string): Promise<Subscriber> {
    const row = await this.rows.findOneBy({ id, revokedAt: IsNull() });
    if (!row) throw notFound();
    return shownSubscriber(row);
  }

  /** The credential is in this answer and nowhere else. Throws `name-taken` when there is a subscriber of that name. */
  async create({ name, hosts }: CreateSubscriberInput, caller: Caller): Promise<CreatedSubscriber> {
    const row: SubscriberEntity = {
      id: uuidV7(),
      name,
      hosts: hosts ?? null,
      createdBy: caller.actor,
      createdAt: Date.now(),
      revokedAt: null,
    };
    const reader = readerOf(row);
    const credentials = await this.accounts.keeper.authority.credentials({ service: 'subscriber', ...reader });
    const created = { ...shownSubscriber(row), credentials };
    try {
      await this.database.transaction(async (manager) => {
        if ((await manager.countBy(SubscriberEntity, {})) >= mostSubscribers)
          throw new ProblemError(
            'insufficient-capacity',
            `There are ${mostSubscribers} subscribers, which is the most. Delete one that is not needed.`,
          );
        await manager.insert(SubscriberEntity, row);
        await this.audit.record(manager, caller, { action: 'subscriber.create', outcome: 'succeeded', target: name });
        await caller.idempotency?.answer(manager, {
          status: 201,
          body: created,
          headers: { location: subscriberPath(row.id) },
        });
      });
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      throw new ProblemError('name-taken', `There is a subscriber ${name} already.`, { cause: error });
    }
    await this.soon('The subscriber works as soon as the message bus is back.', (signal) => this.make(reader, signal));
    return created;
  }

  async remove(id: string, caller: Caller): Promise<void> {
    const row = await this.database.transaction(async (manager) => {
      const found = await manager.findOneBy(SubscriberEntity, { id, revokedAt: IsNull() });
      if (!found) throw notFound();
      await manager.update(SubscriberEntity, { id }, { revokedAt: Date.now() });
      await this.audit.record(manager, caller, {
        action: 'subscriber.delete',
        outcome: 'succeeded',
        target: found.name,
      });
      return found;
    });
    await this.soon('The credential is revoked as soon as the message bus is back.', (signal) =>
      this.unmake(row, signal),
    );
  }

  private get rows() {
    return this.database.repository(SubscriberEntity);
  }

  private async make(reader: EventReader, signal: AbortSignal): Promise<void> {
    await ensureSubscriber(this.bus, reader, signal);
    await this.accounts.keeper.issueSubscriber(reader, signal);
  }

  /** The account first: from then on nobody reads. */
  private async unmake(row: SubscriberEntity, signal: AbortSignal): Promise<void> {
    const { keeper } = this.accounts;
    await keeper.remove([keeper.authority.subscriberAccount(row.id)], signal);
    await removeSubscriber(this.bus, readerOf(row), signal);
    await this.database.transaction((manager) => manager.delete(SubscriberEntity, { id: row.id }));
  }

  private async soon(otherwise: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const patience = AbortSignal.timeout(busWithinMs);
    try {
      await work(AbortSignal.any([patience, this.stopping.signal]));
    } catch (error) {
      if (!patience.aborted) throw error;
      throw new ProblemError('unavailable', `The message bus is away. ${otherwise}`, { cause: error });
    }
  }

  private settle(): void {
    this.settling = this.settling
      .then(() => this.settleAll())
      .catch((err: unknown) => {
        if (!this.stopping.signal.aborted)
          this.logger.error({ err }, 'what subscribers need on the bus could not be made');
      });
  }

  private async settleAll(): Promise<void> {
    const { signal } = this.stopping;
    for (const row of await this.rows.findBy({ revokedAt: Not(IsNull()) })) await this.unmake(row, signal);
    for (const row of await this.rows.findBy({ revokedAt: IsNull() })) await this.make(readerOf(row), signal);
  }
}

const readerOf = ({ id, hosts }: SubscriberEntity): EventReader => ({ id, hosts: hosts ?? undefined });

const shownSubscriber = (row: SubscriberEntity): Subscriber => ({
  id: row.id,
  name: row.name,
  ...(row.hosts && { hosts: row.hosts }),
  createdAt: isoTime(row.createdAt),
  createdBy: row.createdBy,
  stream: streams.events.name,
  consumers: subscriberConsumers(readerOf(row)).map(({ name }) => name),
  ...subscriberClient(readerOf(row)),
});

const notFound = () => new ProblemError('subscriber-not-found', 'There is no such subscriber.');
