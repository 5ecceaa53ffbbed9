import { foreignText } from '@polyvirt/contracts';
import type { PrismClient } from '../client/prism-client.ts';
import { PrismError } from '../client/prism-error.ts';
import { nameOf } from '../vm/vm-reader.ts';

/** Names of volume groups by UUID. Not every release shows them, nor to everybody; one without a name is not in it. */
export async function volumeGroupNames(
  client: PrismClient,
  uuids: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>();
  for (const uuid of uuids) {
    try {
      const group = await client.find(`/volume_groups/${uuid}`, signal);
      if (group && nameOf(group) !== '') names.set(uuid, foreignText(nameOf(group)));
    } catch (error) {
      if (!(error instanceof PrismError)) throw error;
    }
  }
  return names;
}
