import type { OperationContext } from '@polyvirt/hypervisor';
import { isNotFound, type PrismClient } from './prism-client.ts';
import { PrismError } from './prism-error.ts';

/** As long as the journal remembers an operation. */
const VALID_MINUTES = 7 * 24 * 60;

/** UUIDs that Prism lets us choose. The same client identifier names the same ones, so a repeat makes nothing twice. */
export class Identifiers {
  readonly #client: PrismClient;

  constructor(client: PrismClient) {
    this.#client = client;
  }

  /** A step that reserves UUIDs for what an operation makes. */
  reserve({ operationId, journal, signal }: OperationContext, count: number): Promise<string[]> {
    return journal.step({
      name: 'reserve identifiers',
      native: 'POST /idempotence_identifiers',
      act: () => this.#reserve(operationId, count, signal),
    });
  }

  async #reserve(client: string, count: number, signal: AbortSignal): Promise<string[]> {
    const path = '/idempotence_identifiers';
    const known = async () => uuidsIn(await this.#client.v3('GET', `${path}/${client}`, signal));
    try {
      const wish = { client_identifier: client, count, valid_duration_in_minutes: VALID_MINUTES };
      return uuidsIn(await this.#client.v3('POST', path, signal, wish));
    } catch (error) {
      // A repeat that this release refuses instead of answering.
      if (error instanceof PrismError && !isNotFound(error) && error.status < 500)
        return known().catch(() => Promise.reject(error));
      throw error;
    }
  }
}

function uuidsIn(answer: Record<string, unknown>): string[] {
  const list = answer['uuid_list'];
  const uuids = Array.isArray(list) ? list.filter((uuid) => typeof uuid === 'string') : [];
  if (uuids.length === 0) throw new PrismError(500, undefined, 'Prism reserved no identifier.', undefined);
  return uuids;
}
