import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { HostId } from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { Database } from '../database/database.ts';
import { LOGGER } from '../logger.ts';
import { TIMES, type GatewayTimes } from '../times.ts';
import { HostJoinEntity } from './host-join.entity.ts';
import { RegisteredHostEntity } from './registered-host.entity.ts';

export interface RegisteredHost {
  readonly row: RegisteredHostEntity;
  /** By which its agent is on the bus. */
  readonly joined: HostJoinEntity | undefined;
  /** Whose token may be used yet, or has expired unused. */
  readonly waiting: HostJoinEntity | undefined;
}

/**
 * What the database has of hosts, in memory. Read again after every change here, when an event says that another gateway has
 * changed it, and now and then, as whoever is killed publishes no event.
 */
@Injectable()
export class HostRegister implements OnModuleInit, OnModuleDestroy {
  private known = new Map<HostId, RegisteredHost>();
  private timer: NodeJS.Timeout | undefined;
  private reading: Promise<void> = Promise.resolve();
  private isStopping = false;

  constructor(
    private readonly database: Database,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(TIMES) private readonly times: GatewayTimes,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.refresh();
    this.timer = setInterval(() => void this.look(), this.times.registerLookMs).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    this.isStopping = true;
    await this.reading.catch(() => undefined);
  }

  all(): Iterable<RegisteredHost> {
    return this.known.values();
  }

  get(id: HostId): RegisteredHost | undefined {
    return this.known.get(id);
  }

  /** What is written before the call is in memory after it. */
  refresh(): Promise<void> {
    this.reading = this.reading.catch(() => undefined).then(() => this.read());
    return this.reading;
  }

  private async look(): Promise<void> {
    try {
      await this.refresh();
    } catch (err) {
      if (!this.isStopping) this.logger.warn({ err }, 'the register of hosts could not be read');
    }
  }

  private async read(): Promise<void> {
    if (this.isStopping) return;
    const rows = await this.database.repository(RegisteredHostEntity).find();
    const joins = await this.database.repository(HostJoinEntity).find({ order: { createdAt: 'ASC' } });
    this.known = new Map(
      rows.map((row) => {
        const own = joins.filter(({ host, endsAt }) => host === row.id && endsAt === null);
        const joined = own.findLast(({ joinedAt }) => joinedAt !== null);
        const waiting = own.findLast(({ joinedAt }) => joinedAt === null);
        return [row.id, { row, joined, waiting }];
      }),
    );
  }
}
