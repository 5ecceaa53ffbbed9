import { ProblemError, type CloudInit, type NativeId, type NicInput, type Plan } from '@polyvirt/contracts';
import { buildSeedIso, derivedMac, type Journal } from '@polyvirt/hypervisor';
import { ErrorCode, LibvirtError, type Domain } from '@polyvirt/node-libvirt';
import type { Machines } from '../domain/machines.ts';
import type { Networks } from '../networks.ts';
import { orUndefined, type StoragePool } from '../storage/storage-pool.ts';
import { child, parseXml } from '../xml.ts';
import { seedVolumeName } from './derived-ids.ts';
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

/** An interface of a new machine, with the address that is kept for it. */
export interface ResolvedNic {
  readonly network: string;
  readonly mac: string;
  readonly address: string;
}

/** Those that are asked for; one without a MAC address gets that of its machine. */
export const resolvedNics = (nics: readonly NicInput[], uuid: NativeId): ResolvedNic[] =>
  nics.map(({ network, mac, address }, index) => ({ network, address, mac: mac ?? derivedMac(uuid, index) }));

const reserveStep = (index: number) => ({
  name: `reserve the address of interface ${index + 1}`,
  native: 'network_update',
});

export const reserveSteps = (nics: readonly ResolvedNic[]): Plan['steps'] =>
  nics.flatMap(({ address }, index) => (address === 'auto' ? [] : [reserveStep(index)]));

/** The steps that keep the fixed addresses of a new machine for it. */
export async function reserveAddresses(
  nics: readonly ResolvedNic[],
  networks: Networks,
  journal: Journal,
): Promise<void> {
  for (const [index, nic] of nics.entries()) {
    if (nic.address === 'auto') continue;
    await journal.step({
      ...reserveStep(index),
      act: () => networks.reserve(nic.network, nic.mac, nic.address),
      undo: () => networks.release([nic]),
    });
  }
}

export const seedStep = { name: 'write the cloud-init seed', native: 'storage_vol_upload' } as const;

/** The step that makes the medium by which cloud-init sets a new machine up. Answers its path. */
export function writeSeed(
  machine: { readonly uuid: NativeId; readonly name: string; readonly cloudInit: CloudInit },
  storage: StoragePool,
  journal: Journal,
): Promise<string> {
  const { uuid, name, cloudInit } = machine;
  return journal.step({
    ...seedStep,
    act: async () => {
      const iso = buildSeedIso({ instanceId: uuid, name }, cloudInit);
      return (await storage.upload(seedVolumeName(uuid), [iso], iso.length)).path();
    },
    undo: () => storage.remove(seedVolumeName(uuid)),
  });
}

export const powerOnStep = { name: 'power on', native: 'domain_create_with_flags' } as const;

/** The step that starts a machine which the operation has made. */
export function powerOnNew(machines: Machines, uuid: NativeId, journal: Journal): Promise<void> {
  return journal.step({
    ...powerOnStep,
    act: async () => {
      const domain = await machines.domain(uuid);
      if (!(await machines.isOn(domain))) await machines.start(domain);
    },
    undo: async () => {
      const domain = await machines.find(uuid);
      if (domain && (await domain.isActive())) await domain.destroy();
    },
  });
}
