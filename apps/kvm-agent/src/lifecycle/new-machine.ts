import { ProblemError, type NativeId } from '@polyvirt/contracts';
import type { Journal } from '@polyvirt/hypervisor';
import type { Machines } from '../domain/machines.ts';

/** Takes back the definition of a machine that the operation has made. One that is on still needs its disks. */
export async function undefineNew(machines: Machines, uuid: NativeId): Promise<void> {
  const domain = await machines.find(uuid);
  if (!domain) return;
  if (await domain.isActive())
    throw new ProblemError('wrong-state', 'Somebody has started the new VM. Stop it and delete it.');
  await domain.undefine({ managedSave: true, snapshotsMetadata: true, nvram: true, checkpointsMetadata: true });
}

/** The step that starts a machine which the operation has made. */
export function powerOnNew(machines: Machines, uuid: NativeId, journal: Journal): Promise<void> {
  return journal.step({
    name: 'power on',
    native: 'domain_create_with_flags',
    act: async () => {
      const domain = await machines.domain(uuid);
      if (!(await domain.isActive())) await domain.start();
    },
    undo: async () => {
      const domain = await machines.find(uuid);
      if (domain && (await domain.isActive())) await domain.destroy();
    },
  });
}
