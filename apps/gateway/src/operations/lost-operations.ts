import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { ask, Bus } from '@polyvirt/bus';
import { listOperations, ProblemError, streams, type HostId, type OperationId } from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { IsNull, LessThan, Not } from 'typeorm';
import { Database } from '../database/database.ts';
import { EventFeed } from '../events/event-feed.ts';
import { HouseClock } from '../house-clock.ts';
import { Hosts } from '../hosts/hosts.ts';
import { LOGGER } from '../logger.ts';
import { TIMES, type GatewayTimes } from '../times.ts';
import { Arbiter } from './arbiter.ts';
import { OperationEndings } from './operation-endings.ts';
import { OperationEntity } from './operation.entity.ts';

/** An agent that has just begun is given the time to say so. */
const overdueMs = 2_000;

/** An operation that its agent did not have when it was asked first. */
interface Suspect {
  readonly incarnation: string;
  /** Of the journal. Whoever works on the operation writes there. */
  readonly revision: number;
  readonly sinceMs: number;
}

/**
 * Ends operations that nobody goes on with: begun, and their agent, which is back and healthy, has not got them. A command
 * that is on its way back to its agent is with it again, or in the journal, long before an operation is taken for lost.
 */
@Injectable()
export class LostOperations implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController();
  private readonly suspects = new Map<OperationId, Suspect>();
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;

  constructor(
    private readonly clock: HouseClock,
    private readonly bus: Bus,
    private readonly database: Database,
    private readonly hosts: Hosts,
    private readonly feed: EventFeed,
    private readonly arbiter: Arbiter,
    private readonly endings: OperationEndings,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(TIMES) private readonly times: GatewayTimes,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.tick(), this.times.lostLookMs).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    this.stopping.abort();
    await this.looking;
  }

  private tick(): void {
    if (!this.bus.isConnected) return;
    this.looking ??= this.look()
      .catch((err: unknown) => {
        if (!this.stopping.signal.aborted) this.logger.warn({ err }, 'looking for lost operations failed');
      })
      .finally(() => {
        this.looking = undefined;
      });
  }

  private async look(): Promise<void> {
    const begun = await this.begun();
    const missing = new Set<OperationId>();
    for (const [host, ids] of begun) {
      try {
        for (const id of await this.lookAt(host, ids)) missing.add(id);
      } catch (err) {
        // No host is to keep the others from being looked at.
        if (this.stopping.signal.aborted) return;
        this.logger.warn({ err, host }, 'operations of a host may be lost and cannot be ended');
      }
    }
    for (const id of this.suspects.keys()) if (!missing.has(id)) this.suspects.delete(id);
  }

  /** The operations that should be with an agent, by host. */
  private async begun(): Promise<Map<HostId, OperationId[]>> {
    const rows = await this.database.repository(OperationEntity).find({
      select: { id: true, host: true },
      where: [
        { status: 'running', host: Not(IsNull()) },
        { status: 'pending', host: Not(IsNull()), notAfter: LessThan(this.clock.now() - overdueMs) },
      ],
    });
    const byHost = new Map<HostId, OperationId[]>();
    for (const { id, host } of rows) byHost.set(host!, [...(byHost.get(host!) ?? []), id]);
    return byHost;
  }

  /** Ends those that have been missing for long enough; answers all that are missing now. */
  private async lookAt(host: HostId, ids: readonly OperationId[]): Promise<OperationId[]> {
    if (this.hosts.healthyAgent(host) === undefined) return [];
    const answer = await ask(this.bus, listOperations, host, {}).catch((error: unknown) => {
      // Away again, too busy to answer, or of a version that does not know the question.
      if (error instanceof ProblemError) return undefined;
      throw error;
    });
    if (!answer) return [];
    const atHand = new Set(answer.operationIds);
    const missing = ids.filter((id) => !atHand.has(id));
    for (const id of missing) await this.suspect(host, id, answer.incarnation);
    return missing;
  }

  private async suspect(host: HostId, id: OperationId, incarnation: string): Promise<void> {
    const { signal } = this.stopping;
    const journalled = await this.arbiter.read(host, id, signal);
    const { revision } = journalled;
    const known = this.suspects.get(id);
    if (known?.incarnation !== incarnation || known.revision !== revision) {
      this.suspects.set(id, { incarnation, revision, sinceMs: this.times.now() });
      return;
    }
    if (this.times.now() - known.sinceMs < this.times.lostAfterMs) return;
    // What was told before it was last written is in the stream, and may only not have been read here yet.
    await this.feed.seen((await this.bus.manager.streams.info(streams.events.name)).state.last_seq);
    await this.endings.endLost(id, journalled, signal);
    this.suspects.delete(id);
  }
}
