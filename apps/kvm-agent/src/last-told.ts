import { CallTimeoutError, isNotFound, LibvirtError } from '@polyvirt/node-libvirt';

/**
 * Answers of libvirt, of which the last one counts while there is no other: what cannot be asked now has not changed for all
 * we know. What is not there any more has none. A lost connection is not an answer about anything, and rejects.
 */
export class LastTold<Answer> {
  readonly #told = new Map<string, Answer>();

  /** Undefined for what is not there, or has never answered. */
  async of(key: string, asking: Promise<Answer>): Promise<Answer | undefined> {
    try {
      const answer = await asking;
      this.#told.set(key, answer);
      return answer;
    } catch (error) {
      if (isNotFound(error)) this.#told.delete(key);
      else if (!(error instanceof LibvirtError || error instanceof CallTimeoutError)) throw error;
      return this.#told.get(key);
    }
  }

  /** Forgets all others. */
  keep(keys: ReadonlySet<string>): void {
    for (const key of this.#told.keys()) if (!keys.has(key)) this.#told.delete(key);
  }
}
