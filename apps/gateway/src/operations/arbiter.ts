import { Injectable } from '@nestjs/common';
import { Bus, openBucket, RevisionConflictError, type Bucket } from '@polyvirt/bus';
import { buckets, keys, type HostId, type OperationId } from '@polyvirt/contracts';
import { z } from 'zod';

/** What the gateway leaves in the journal in the place of an agent. An entry of an agent has no `ended`. */
const Verdict = z.object({ ended: z.enum(['cancelled', 'expired']) });
export type Verdict = z.infer<typeof Verdict>['ended'];

/**
 * Decides between the agent that begins an operation and the gateway that ends it before it has begun: whoever makes
 * its key in the journal first. The agent makes it before it does anything.
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
  async end(host: HostId, id: OperationId, verdict: Verdict, signal: AbortSignal): Promise<Verdict | undefined> {
    const key = keys.journal(host, id);
    try {
      await this.journal.create(key, { ended: verdict } satisfies z.infer<typeof Verdict>, { signal });
      return verdict;
    } catch (error) {
      if (!(error instanceof RevisionConflictError)) throw error;
      const entry = Verdict.safeParse((await this.journal.get(key, signal))?.value);
      return entry.data?.ended;
    }
  }
}
