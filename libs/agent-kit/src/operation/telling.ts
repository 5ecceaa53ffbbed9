import { makeEvent, publishEvent, type Bus } from '@polyvirt/bus';
import {
  operationCancelled,
  operationFailed,
  operationProgressed,
  operationStarted,
  operationSucceeded,
  type CloudEvent,
  type EventDefinition,
  type HostId,
} from '@polyvirt/contracts';
import { operationOf, type OwnEntry } from './journal-entry.ts';

const endings = {
  succeeded: operationSucceeded,
  failed: operationFailed,
  cancelled: operationCancelled,
} as const;

/**
 * Tells of one operation, in order: an event is published when the one before is in the stream. Progress that comes
 * faster than the bus takes it is told once, as it is then.
 */
export class Telling {
  #last: Promise<unknown> = Promise.resolve();
  #progressIsWaiting = false;
  #progressed = 0;

  constructor(
    private readonly bus: Bus,
    private readonly host: HostId,
    private readonly entry: OwnEntry,
    private readonly signal: AbortSignal,
  ) {}

  /** Not waited for: the driver may be called meanwhile, as whatever is told later waits for it. */
  started(): void {
    const { operationId } = this.entry.command;
    this.#publish(() =>
      this.#event(
        operationStarted,
        `${operationId}:started`,
        { operation: operationOf(this.entry) },
        this.entry.startedAt,
      ),
    );
  }

  progressed(): void {
    if (this.#progressIsWaiting) return;
    this.#progressIsWaiting = true;
    this.#publish(() => {
      this.#progressIsWaiting = false;
      this.#progressed += 1;
      const { command, attempts } = this.entry;
      const id = `${command.operationId}:progressed:${attempts}.${this.#progressed}`;
      return this.#event(operationProgressed, id, { operation: operationOf(this.entry) });
    });
  }

  /** Resolves when everything up to here is in the stream. Throws what kept it from getting there. */
  async all(): Promise<void> {
    await this.#last;
  }

  /** One id for all three ways to end: the stream keeps the first. */
  async ended(): Promise<void> {
    const { outcome, command } = this.entry;
    if (!outcome) throw new Error(`operation ${command.operationId} has not ended`);
    const { revision, endedAt, status } = outcome;
    const data = { operation: operationOf(this.entry), ...(revision !== undefined && { revision }) };
    this.#publish(() => this.#event(endings[status], `${command.operationId}:ended`, data, endedAt));
    await this.#last;
  }

  /** An event about a VM that cannot be seen by looking at it. */
  async about(definition: EventDefinition, subject: string, data: object): Promise<void> {
    const { operationId } = this.entry.command;
    this.#publish(() => ({ ...this.#event(definition, `${operationId}:${definition.name}`, data), subject }));
    await this.#last;
  }

  #event(definition: EventDefinition, id: string, data: object, time?: string): CloudEvent {
    return makeEvent(definition, {
      id,
      source: `/hosts/${this.host}/agent`,
      subject: this.entry.command.operationId,
      ...(time !== undefined && { time }),
      data,
    });
  }

  #publish(event: () => CloudEvent): void {
    this.#last = this.#last.then(() => publishEvent(this.bus, this.host, event(), { signal: this.signal }));
    // Whoever waits for it is told; nobody may.
    this.#last.catch(() => {});
  }
}
