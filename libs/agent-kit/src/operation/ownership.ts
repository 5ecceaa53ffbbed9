import { RevisionConflictError, type Bucket } from '@polyvirt/bus';
import { commandOfVerb, hardwareOf, keys, type Command, type OperationOutcome } from '@polyvirt/contracts';
import type { AgentIdentity } from '../host/identity.ts';
import type { Inventory } from '../inventory/inventory.ts';
import { isOwn, isUnfinished, type JournalEntry, type OwnEntry } from './journal-entry.ts';
import { JournalRecord } from './journal-record.ts';

export interface OwnershipOptions {
  readonly journal: Bucket<JournalEntry>;
  readonly inventory: Inventory;
  readonly identity: AgentIdentity;
  /** Ends writing when the agent stops. */
  readonly signal: AbortSignal;
}

/** Decides in the journal whose an operation is: whoever makes its key first has it. */
export class Ownership {
  readonly #options: OwnershipOptions;

  constructor(options: OwnershipOptions) {
    this.#options = options;
  }

  /** Operations of the host that an agent has begun and not ended. */
  async unfinished(): Promise<OwnEntry[]> {
    const { journal, identity, signal } = this.#options;
    const entries = await journal.entries(keys.journalOf(identity.host), signal);
    return entries.map(({ value }) => value).filter(isUnfinished) as OwnEntry[];
  }

  /**
   * The record of an operation that is ours to go on with. Undefined when the gateway ended it before it began, or when it
   * has ended here and that was told.
   */
  async claim(command: Command, outcome: OperationOutcome | undefined): Promise<JournalRecord | undefined> {
    const { journal, identity, inventory, signal } = this.#options;
    const key = keys.journal(identity.host, command.operationId);
    const before = command.nativeId === undefined ? undefined : inventory.find(command.nativeId);
    const fresh: OwnEntry = {
      command,
      incarnation: identity.incarnation,
      attempts: 1,
      startedAt: new Date().toISOString(),
      ...(before && { revisionBefore: before.revision, stateBefore: before.record.state }),
      ...(before && commandOfVerb(command.verb)?.edits && { hardwareBefore: hardwareOf(before.record) }),
      phase: outcome ? 'ended' : 'running',
      progress: 0,
      steps: [],
      ...(outcome && { outcome }),
      told: false,
    };
    for (;;) {
      try {
        const revision = await journal.create(key, fresh, { signal });
        return new JournalRecord(journal, key, fresh, revision, signal);
      } catch (error) {
        if (!(error instanceof RevisionConflictError)) throw error;
      }
      const found = await journal.get(key, signal);
      if (!found) continue;
      if (!isOwn(found.value) || found.value.told) return undefined;
      const entry = { ...found.value, incarnation: identity.incarnation, attempts: found.value.attempts + 1 };
      const record = new JournalRecord(journal, key, entry, found.revision, signal);
      if (entry.phase === 'running' && outcome && outcome.error?.code !== 'expired')
        Object.assign(entry, { phase: 'ended', outcome });
      // Taken over before anything is done: an agent that was thought dead notices at its next write.
      await record.takeOver();
      return record;
    }
  }
}
