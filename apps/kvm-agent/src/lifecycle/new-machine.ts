import { ProblemError, type NativeId } from '@polyvirt/contracts';
import type { Journal } from '@polyvirt/hypervisor';
import { ErrorCode, LibvirtError, type Domain } from '@polyvirt/node-libvirt';
import type { Machines } from '../domain/machines.ts';
import { orUndefined } from '../storage/storage-pool.ts';
import { child, parseXml } from '../xml.ts';
import { hasTpm } from './state-files.ts';

/** Undoes the definition of a machine that the operation has made. One that is on still needs its disks. */
export async function undefineNew(machines: Machines, uuid: NativeId): Promise<void> {
  const domain = await machines.find(uuid);
  if (!domain) return;
  if (await domain.isActive())
    throw new ProblemError('wrong-state', 'Somebody has started the new VM. Stop it and delete it.');
  const xml = await orUndefined(domain.xml({ inactive: true }));
  if (xml !== undefined) await undefineWithState(domain, xml);
}

/** Removes a definition with all that libvirt keeps beside it: firmware variables, saved memory, state of a TPM, snapshots. */
export async function undefineWithState(
  domain: Domain,
  xml: string,
  { keepNvram = false }: { keepNvram?: boolean } = {},
): Promise<void> {
  const flags = {
    managedSave: true,
    snapshotsMetadata: true,
    checkpointsMetadata: true,
    ...(keepNvram ? { keepNvram: true } : { nvram: true }),
  };
  const tpm = hasTpm(child(parseXml(xml), 'domain'));
  await domain.undefine({ ...flags, tpm }).catch(async (error: unknown) => {
    // Older than 8.9 libvirt does not know the flag, and removes the state of the TPM by itself.
    if (!tpm || !(error instanceof LibvirtError) || error.code !== ErrorCode.INVALID_ARG) throw error;
    await domain.undefine(flags);
  });
}

export const powerOnStep = { name: 'power on', native: 'domain_create_with_flags' } as const;

/** The step that starts a machine which the operation has made. */
export function powerOnNew(machines: Machines, uuid: NativeId, journal: Journal): Promise<void> {
  return journal.step({
    ...powerOnStep,
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
