import { RevisionConflictError, type Bucket } from '@polyvirt/bus';
import { isOwn, type JournalEntry, type OwnEntry } from './journal-entry.ts';

/** Another agent works on the operation now. */
export class OwnershipLost extends Error {
  override readonly name = 'OwnershipLost';

  constructor(key: string) {
    super(`another agent has taken over ${key}`);
  }
}

/** The journal of one operation, in memory and in its key. Change `entry`, then save. */
export class JournalRecord {
  #saving: Promise<void> = Promise.resolve();
  #isLost = false;

  constructor(
    private readonly bucket: Bucket<JournalEntry>,
    private readonly key: string,
    public entry: OwnEntry,
    private revision: number,
    /** Of the agent: nothing is written when it stops. */
    private readonly signal: AbortSignal,
  ) {}

  /** Whether another agent works on the operation, so that nothing may be done to it here. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Writes over what another process left, unless somebody was faster. */
  async takeOver(): Promise<void> {
    try {
      this.revision = await this.bucket.update(this.key, this.entry, this.revision, { signal: this.signal });
    } catch (error) {
      throw error instanceof RevisionConflictError ? this.#lose() : error;
    }
  }

  /** Resolves when the key has what the entry has now. One write at a time; the last includes those before. */
  save(): Promise<void> {
    this.#saving = this.#saving.catch(() => {}).then(() => this.#write());
    return this.#saving;
  }

  async #write(): Promise<void> {
    for (;;) {
      const { signal } = this;
      try {
        this.revision = await this.bucket.update(this.key, this.entry, this.revision, { signal });
        return;
      } catch (error) {
        if (!(error instanceof RevisionConflictError)) throw error;
        await this.#findAgain();
      }
    }
  }

  /** A write of ours whose answer was lost counts; so does a bucket that was lost with everything in it. */
  async #findAgain(): Promise<void> {
    const found = await this.bucket.get(this.key, this.signal);
    if (!found) {
      this.revision = await this.bucket.create(this.key, this.entry, { signal: this.signal });
      return;
    }
    if (!isOwn(found.value) || found.value.incarnation !== this.entry.incarnation) throw this.#lose();
    this.revision = found.revision;
  }

  #lose(): OwnershipLost {
    this.#isLost = true;
    return new OwnershipLost(this.key);
  }
}
