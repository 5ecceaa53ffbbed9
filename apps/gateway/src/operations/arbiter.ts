import { Injectable } from '@nestjs/common';
import { Bus, openBucket, RevisionConflictError, type Bucket } from '@polyvirt/bus';
import { buckets, keys, OperationOutcome, OperationVerdict, type HostId, type OperationId } from '@polyvirt/contracts';
import { z } from 'zod';

/** What the journal has of an operation. */
export interface Journalled {
  /** Changes whenever it is written; 0 when there is nothing. */
  readonly revision: number;
  readonly verdict?: OperationVerdict | undefined;
  readonly outcome?: OperationOutcome | undefined;
}

/**
 * Decides between the agent that has an operation and the gateway that ends it, by the key of the operation in the journal.
 * Before it has begun, whoever makes the key first has it; afterwards the agent has, as long as it writes what the gateway has
 * not written over: an agent whose entry is gone lets go of the operation.
 */
@Injectable()
export class Arbiter {
  private readonly journal: Bucket<unknown>;

  constructor(bus: Bus) {
    this.journal = openBucket(bus, buckets.journal, z.unknown());
  }

  /**
   * Ends an operation that no agent has begun; answers how it was ended, which a gateway may have decided before, or
   * nothing when an agent has it.
   */
  async end(
    host: HostId,
    id: OperationId,
    ended: 'cancelled' | 'expired',
    signal: AbortSignal,
  ): Promise<OperationVerdict | undefined> {
    try {
      await this.journal.create(keys.journal(host, id), { ended } satisfies OperationVerdict, { signal });
      return { ended };
    } catch (error) {
      if (!(error instanceof RevisionConflictError)) throw error;
      return (await this.read(host, id, signal)).verdict;
    }
  }

  async read(host: HostId, id: OperationId, signal: AbortSignal): Promise<Journalled> {
    const written = await this.journal.latest(keys.journal(host, id), signal);
    if (!written) return { revision: 0 };
    if (written.type === 'delete') return { revision: written.revision };
    const { value, revision } = written;
    const ended = z.object({ phase: z.literal('ended'), outcome: OperationOutcome }).safeParse(value);
    return { revision, verdict: OperationVerdict.safeParse(value).data, outcome: ended.data?.outcome };
  }

  /** Ends an operation that its agent has not got, as it was read; undefined when somebody has written it since. */
  async takeFrom(
    host: HostId,
    id: OperationId,
    { revision, verdict, outcome }: Journalled,
    signal: AbortSignal,
  ): Promise<OperationVerdict | undefined> {
    if (verdict) return verdict;
    const lost: OperationVerdict = { ended: 'lost', ...(outcome && { outcome }) };
    try {
      await this.journal.update(keys.journal(host, id), lost, revision, { signal });
      return lost;
    } catch (error) {
      if (error instanceof RevisionConflictError) return undefined;
      throw error;
    }
  }
}
