import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Bus, publishCommand, runInTrace } from '@polyvirt/bus';
import {
  isEnded,
  parseVmId,
  ProblemError,
  type Command,
  type CommandDefinition,
  type CommandOptions,
  type HostId,
  type Operation,
  type OperationId,
  type VmId,
} from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { In, type EntityManager } from 'typeorm';
import { Audit, type Actor } from '../audit/audit.ts';
import type { Caller } from '../auth/caller.decorator.ts';
import { isoTime } from '../database/columns.ts';
import { isDuplicate } from '../database/database-errors.ts';
import { Database } from '../database/database.ts';
import { insertRows, updateRows } from '../database/known-rows.ts';
import { uuidV7 } from '../database/uuid-v7.ts';
import { EventFeed } from '../events/event-feed.ts';
import { HouseClock } from '../house-clock.ts';
import { Annotations, type AnnotationChange } from '../inventory/annotations.ts';
import { Inventory } from '../inventory/inventory.ts';
import type { Annotation } from '../inventory/vm-entry.ts';
import { LOGGER } from '../logger.ts';
import { ActiveOperations } from './active-operations.ts';
import { beginBefore } from './begin-before.ts';
import { CommandSecrets } from './command-secrets.ts';
import { OperationEnds } from './operation-ends.ts';
import { OperationEvents } from './operation-events.ts';
import { OperationLockEntity } from './operation-lock.entity.ts';
import { lockKey, type Lock } from './operation-locks.ts';
import { columnsOf, OperationEntity, operationOf } from './operation.entity.ts';

/** Who asks. A part of a batch is asked for by whoever asked for the batch. */
export type Author = Actor & Pick<Caller, 'traceparent'> & Partial<Pick<Caller, 'idempotency' | 'userId'>>;

/** How an operation belongs to others. */
export interface Kinship {
  /** Given when the id is to be the same however often it is asked for. */
  readonly id?: OperationId;
  readonly parent?: OperationId;
  readonly retryOf?: OperationId;
}

interface Asked extends Kinship {
  readonly definition: CommandDefinition;
  readonly host: HostId;
  readonly vmId?: VmId;
  readonly input: unknown;
  readonly options: CommandOptions;
  readonly author: Author;
  /** What nobody else may hold. */
  readonly locks: readonly Lock[];
  /** Throws when it cannot be, by what memory knows; asked again once the locks are held, so that nothing changes any more. */
  readonly check?: () => void;
  /** What the VM gets when the operation succeeds. */
  readonly annotation?: AnnotationChange;
  /** As the audit names what it is about. */
  readonly target: string;
}

/** An operation that has ended when it is written down. */
interface Settled extends Kinship {
  readonly verb: string;
  readonly host: HostId;
  readonly vmId: VmId;
  readonly author: Author;
  /** Of the command that would have been sent, so that it can be asked for again. */
  readonly input?: unknown;
  readonly annotation?: AnnotationChange | undefined;
  readonly outcome: { readonly changed: boolean } | { readonly error: ProblemError };
}

/** Memory has yet to see an event before it can decide. */
class Behind extends Error {
  constructor(readonly sequence: number) {
    super(`event ${sequence} has not been seen yet`);
  }
}

/** A holder may end between losing against it and looking for it. */
const attempts = 3;

/**
 * Takes what is asked for. One transaction writes the operation down with its locks, audit and answer, and with that it
 * is acknowledged: the row is the outbox, and whoever finds it unpublished publishes it.
 */
@Injectable()
export class Operations implements OnModuleDestroy {
  readonly ends = new OperationEnds();
  readonly active: ActiveOperations;
  private readonly stopping = new AbortController();
  private readonly publishing = new Map<OperationId, Promise<void>>();

  constructor(
    private readonly clock: HouseClock,
    private readonly bus: Bus,
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly events: OperationEvents,
    private readonly inventory: Inventory,
    private readonly annotations: Annotations,
    private readonly feed: EventFeed,
    private readonly secrets: CommandSecrets,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.active = new ActiveOperations((vmId, operation) => inventory.vms.occupy(vmId, operation));
  }

  /** What was not published is published by the next process. */
  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    this.ends.close();
    await Promise.allSettled(this.publishing.values());
  }

  /**
   * Asks the agent of a host for something. Throws `vm-busy` or `name-taken` when another operation holds what this one
   * needs; of two that ask at once the database decides.
   */
  async ask(asked: Asked): Promise<Operation> {
    const nowMs = this.clock.now();
    const notAfter = beginBefore(asked.options, nowMs);
    const id = asked.id ?? uuidV7(nowMs);
    const { definition, host, vmId, author } = asked;
    const operation: Operation = {
      id,
      verb: definition.verb,
      status: 'pending',
      host,
      ...(vmId !== undefined && { vmId }),
      progress: 0,
      steps: [],
      requestedBy: author.actor,
      createdAt: isoTime(nowMs),
      ...(asked.parent !== undefined && { parent: asked.parent }),
      ...(asked.retryOf !== undefined && { retryOf: asked.retryOf }),
    };
    const command = commandOf(operation, asked.input, author, notAfter);
    await this.locked(asked.locks, async (manager) => {
      await this.insert(manager, operation, author, {
        notAfter,
        ...this.secrets.columnsOf(command),
        annotation: asked.annotation ? JSON.stringify(asked.annotation) : null,
      });
      const keys = asked.locks.map((lock) => ({ key: lockKey(lock), operationId: id }));
      await insertRows(manager, OperationLockEntity, keys);
      if (asked.check) {
        // Whoever held a lock before may have ended at another gateway, and what it made be unknown here.
        const awaited = await this.feed.awaited(manager);
        if (awaited !== undefined) throw new Behind(awaited);
        asked.check();
      }
      await this.accept(manager, operation, author, asked.target);
    });
    this.active.put(operation);
    void runInTrace(author.traceparent, () => this.send(command));
    return operation;
  }

  /** Changes what we keep of a VM ourselves. No agent is needed, so the operation has ended when it is answered. */
  async annotate(
    vmId: VmId,
    change: AnnotationChange,
    author: Author,
    check: (current: Annotation) => void,
    kinship: Kinship = {},
  ): Promise<Operation> {
    const { host } = parseVmId(vmId);
    const settled = { ...kinship, verb: 'vm.annotate', host, vmId, author, outcome: { changed: true } };
    return this.settle(settled, (manager) => this.annotations.change(manager, vmId, change, check));
  }

  /** Writes down what has ended already: a change of our own, or a part of a batch that was refused. */
  async settle(
    { verb, host, vmId, author, input, annotation, outcome, ...kinship }: Settled,
    /** Answers whether it made a difference. */
    change?: (manager: EntityManager) => Promise<boolean>,
  ): Promise<Operation> {
    const nowMs = this.clock.now();
    const failed = 'error' in outcome;
    const operation: Operation = {
      id: kinship.id ?? uuidV7(nowMs),
      verb,
      status: failed ? 'failed' : 'succeeded',
      host,
      vmId,
      progress: failed ? 0 : 100,
      steps: [],
      requestedBy: author.actor,
      createdAt: isoTime(nowMs),
      startedAt: isoTime(nowMs),
      endedAt: isoTime(nowMs),
      ...(failed ? { error: outcome.error.toProblem(author.requestId) } : { changed: outcome.changed }),
      ...(kinship.parent !== undefined && { parent: kinship.parent }),
      ...(kinship.retryOf !== undefined && { retryOf: kinship.retryOf }),
    };
    await this.database.transaction(async (manager) => {
      if (change) operation.changed = await change(manager);
      const command =
        input === undefined ? {} : this.secrets.columnsOf(commandOf(operation, input, author, nowMs), { isSent: true });
      const kept = annotation === undefined ? null : JSON.stringify(annotation);
      await this.insert(manager, operation, author, { ...command, annotation: kept });
      await this.accept(manager, operation, author, vmId);
      await this.audit.ended(manager, operation.id, failed ? 'failed' : 'succeeded', operation.error?.code);
    });
    if (change) await this.inventory.readAnnotations([vmId]);
    void runInTrace(author.traceparent, () => this.announce(operation));
    return operation;
  }

  /** Publishes what a row still has to publish. Harmless when it has been published before. */
  async publish(row: OperationEntity): Promise<void> {
    const operation = operationOf(row);
    if (row.command !== null && !isEnded(row.status)) await this.send(this.secrets.commandOf(row));
    // An agent was asked, so the stream has the end: it is where the row has it from.
    else if (row.notAfter !== null && isEnded(row.status)) await this.once(row.id, async () => {});
    else if (isEnded(row.status)) await this.announce(operation);
    else await this.once(row.id, () => this.events.started(operation, this.stopping.signal));
  }

  private send(command: Command): Promise<void> {
    return this.once(command.operationId, async () => {
      // Both times are of the clock of one database; from here on only the age counts.
      const beginWithinMs = Math.max(0, Date.parse(command.notAfter) - this.clock.now());
      await publishCommand(this.bus, { ...command, beginWithinMs }, { signal: this.stopping.signal });
    });
  }

  private announce(operation: Operation): Promise<void> {
    return this.once(operation.id, async () => {
      const { signal } = this.stopping;
      if (operation.verb === 'vm.annotate' && operation.changed)
        await this.events.annotated(operation, operation.vmId!, signal);
      await this.events.ended(operation as Parameters<OperationEvents['ended']>[0], signal);
    });
  }

  /** One publication of an operation at a time; then it is noted that nothing is left to publish. */
  private once(id: OperationId, publish: () => Promise<void>): Promise<void> {
    const running = this.publishing.get(id);
    if (running) return running;
    const publication = (async () => {
      try {
        await publish();
        await this.database.transaction((manager) =>
          updateRows(manager, OperationEntity, { id, publishedAt: null }, { publishedAt: this.clock.now() }),
        );
      } catch (err) {
        if (!this.stopping.signal.aborted) this.logger.error({ err, operationId: id }, 'cannot publish an operation');
      } finally {
        this.publishing.delete(id);
      }
    })();
    this.publishing.set(id, publication);
    return publication;
  }

  async insert(
    manager: EntityManager,
    operation: Operation,
    author: Author,
    columns: Partial<Pick<OperationEntity, 'notAfter' | 'command' | 'secretFields' | 'secrets' | 'annotation'>>,
  ): Promise<void> {
    const row: OperationEntity = {
      ...columnsOf(operation),
      requestId: author.requestId,
      notAfter: null,
      command: null,
      secretFields: null,
      secrets: null,
      annotation: null,
      publishedAt: null,
      ...columns,
    };
    await insertRows(manager, OperationEntity, [row]);
  }

  /** The audit, and the answer that a repeat of the request gets. */
  async accept(
    manager: EntityManager,
    operation: Operation,
    author: Author,
    target: string | undefined,
  ): Promise<void> {
    await this.audit.record(manager, author, {
      action: operation.verb,
      outcome: 'accepted',
      target,
      operationId: operation.id,
    });
    await author.idempotency?.answer(manager, {
      status: 202,
      body: operation,
      headers: { location: locationOf(operation.id) },
      operationId: operation.id,
    });
  }

  private async locked(locks: readonly Lock[], work: (manager: EntityManager) => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.database.transaction(work);
        return;
      } catch (error) {
        if (error instanceof Behind) {
          await this.feed.seen(error.sequence);
          continue;
        }
        if (!isDuplicate(error)) throw error;
        const problem = await this.inTheWay(locks);
        if (problem) throw problem;
        if (attempt >= attempts) throw error;
      }
    }
  }

  private async inTheWay(locks: readonly Lock[]): Promise<ProblemError | undefined> {
    const byKey = new Map(locks.map((lock) => [lockKey(lock), lock]));
    const held = await this.database.repository(OperationLockEntity).findBy({ key: In([...byKey.keys()]) });
    for (const { key, operationId } of held) {
      const lock = byKey.get(key)!;
      return 'vm' in lock ? vmBusy(lock.vm, operationId) : nameComing(lock, operationId);
    }
    return undefined;
  }
}

function commandOf(
  { id, verb, host, vmId, createdAt, parent, retryOf }: Operation,
  input: unknown,
  { requestId, actor }: Author,
  notAfter: number,
): Command {
  return {
    operationId: id,
    verb,
    host: host!,
    ...(vmId !== undefined && { nativeId: parseVmId(vmId).nativeId }),
    requestId,
    requestedBy: actor,
    requestedAt: createdAt,
    notAfter: isoTime(notAfter),
    ...(parent !== undefined && { parent }),
    ...(retryOf !== undefined && { retryOf }),
    input,
  };
}

export const locationOf = (id: OperationId): string => `/api/v1/operations/${id}`;

export const vmBusy = (vmId: VmId, operationId: OperationId): ProblemError =>
  new ProblemError('vm-busy', `Operation ${operationId} is running on the VM ${vmId}. Wait for it, or cancel it.`, {
    operationId,
  });

const nameComing = ({ host, name }: { host: HostId; name: string }, operationId: OperationId): ProblemError =>
  new ProblemError('name-taken', `Operation ${operationId} is making a VM named "${name}" on ${host}.`, {
    operationId,
  });
