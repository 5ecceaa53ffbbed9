import { ProblemError, type HostId } from '@polyvirt/contracts';
import type { EntityManager } from 'typeorm';
import { RegisteredHostEntity } from '../hosts/registered-host.entity.ts';

/**
 * Has the host to itself until the end of the transaction; undefined for one that nobody has registered. Throws `host-not-found`
 * for one that is being removed.
 */
export async function lockHost(manager: EntityManager, id: HostId): Promise<RegisteredHostEntity | undefined> {
  await manager.increment(RegisteredHostEntity, { id }, 'revision', 1);
  const row = await manager.findOneBy(RegisteredHostEntity, { id });
  if (row && row.removedAt !== null) throw notFound(id);
  return row ?? undefined;
}

export const notFound = (id: HostId): ProblemError => new ProblemError('host-not-found', `There is no host ${id}.`);
