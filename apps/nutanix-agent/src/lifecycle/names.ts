import { foreignText, ProblemError } from '@polyvirt/contracts';
import type { Vms } from '../vm/vms.ts';

/** In the place of the UUID or the operation that there is none of yet. */
export const PLANNED = 'planned';

/**
 * Nutanix lets VMs share a name, and those that do are shown; but no name is given twice by us.
 * @throws ProblemError `name-taken` when a VM other than `own` has it
 */
export async function demandFreeName(vms: Vms, name: string, own: string, signal: AbortSignal): Promise<void> {
  const namesake = (await vms.namesakes(name, signal)).find(({ uuid }) => uuid !== own);
  if (namesake)
    throw new ProblemError(
      'name-taken',
      `A VM called "${foreignText(namesake.name)}" is already on this Prism Central: ${namesake.uuid}.`,
    );
}
