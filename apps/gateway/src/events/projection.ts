import type { EntityManager } from 'typeorm';
import type { StreamEvent } from './stream-event.ts';

/** Something that follows from the events. */
export interface Projection {
  /** Reads into memory what the database holds, before the first event that it may not hold. */
  begin?(): Promise<void>;
  /** Waits for what has to be there before anybody is told. */
  prepare?(events: readonly StreamEvent[]): Promise<void>;
  /** Whether `project` has something to do for an event. Batches that nobody wants leave the database alone. */
  wants?(event: StreamEvent): boolean;
  /**
   * Writes what follows from events into the database, in the transaction that moves the cursor over them. Of several
   * gateways one does it. It may be run again with the same events, when the transaction failed.
   */
  project?(manager: EntityManager, events: readonly StreamEvent[]): Promise<void>;
  /** On every gateway, when the database has it and before clients get the events: renews what is in memory. */
  projected?(events: readonly StreamEvent[]): Promise<void> | void;
}
