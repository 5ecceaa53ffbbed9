import { readFile, rm } from 'node:fs/promises';
import type { DriverVm, PendingChange } from '@polyvirt/contracts';
import { z } from 'zod';
import { addNic, dropDevice, setCpus } from '../vmx/hardware-writer.ts';
import { nicsOf } from '../vmx/hardware-reader.ts';
import { orMissing, replaceFile } from '../vmx/dictionary-file.ts';
import type { Dictionary } from '../vmx/dictionary.ts';

const Nic = z.object({ mac: z.string(), network: z.string() });

/** What is to change of a running machine once it is off: Workstation reads its .vmx file at power-on only. */
const PendingChanges = z.object({
  name: z.string().optional(),
  cpus: z.int().optional(),
  memoryMiB: z.int().optional(),
  disks: z.array(z.object({ device: z.string(), sizeGiB: z.int() })).default([]),
  addNics: z.array(Nic).default([]),
  removeNics: z.array(z.string()).default([]),
});
export type PendingChanges = z.infer<typeof PendingChanges>;

export const noChanges: PendingChanges = { disks: [], addNics: [], removeNics: [] };

/** The file in the folder of the machine. */
export const pendingFileOf = (vmx: string): string => vmx.replace(/\.vmx$/i, '.polyvirt.json');

export async function readPending(vmx: string): Promise<PendingChanges> {
  const text = await orMissing(readFile(pendingFileOf(vmx), 'utf8'));
  if (text === undefined) return noChanges;
  try {
    return PendingChanges.parse(JSON.parse(text));
  } catch (error) {
    // Nothing of ours: a file that somebody edited changes no machine.
    if (error instanceof SyntaxError || error instanceof z.ZodError) return noChanges;
    throw error;
  }
}

export async function writePending(vmx: string, changes: PendingChanges): Promise<void> {
  if (isEmpty(changes)) await rm(pendingFileOf(vmx), { force: true });
  else await replaceFile(pendingFileOf(vmx), `${JSON.stringify(changes, null, 2)}\n`);
}

export const isEmpty = ({ name, cpus, memoryMiB, disks, addNics, removeNics }: PendingChanges): boolean =>
  [name, cpus, memoryMiB].every((value) => value === undefined) &&
  [disks, addNics, removeNics].every(({ length }) => length === 0);

/** Whether anything waits for the power-off of a machine. */
export const hasPending = async (vmx: string): Promise<boolean> => !isEmpty(await readPending(vmx));

/** The same as the contract says it, with what the machine has until then. */
export function pendingOf(
  { name, cpus, memoryMiB, disks, addNics, removeNics }: PendingChanges,
  vm: Pick<DriverVm, 'name' | 'cpus' | 'memoryMiB' | 'disks' | 'nics'>,
): PendingChange[] {
  const field = (pointer: string, from: unknown, to: unknown): PendingChange[] =>
    to === undefined ? [] : [{ pointer, ...(from !== undefined && { from }), to }];
  return [
    ...field('/name', vm.name, name),
    ...field('/cpus', vm.cpus, cpus),
    ...field('/memoryMiB', vm.memoryMiB, memoryMiB),
    ...disks.flatMap(({ device, sizeGiB }) => {
      const index = vm.disks.findIndex((disk) => disk.device === device);
      return field(`/disks/${index}/sizeGiB`, vm.disks[index]?.sizeGiB, sizeGiB);
    }),
    ...removeNics.flatMap((mac) => {
      const index = vm.nics.findIndex((nic) => nic.mac === mac);
      return [{ pointer: `/nics/${index}`, from: { mac, network: vm.nics[index]?.network } }];
    }),
    ...addNics.map((nic) => ({ pointer: '/nics/-', to: nic })),
  ];
}

/** Writes what concerns the configuration; disks are files of their own. */
export function applyTo(vmx: Dictionary, { name, cpus, memoryMiB, addNics, removeNics }: PendingChanges): void {
  if (name !== undefined) vmx.set('displayName', name);
  if (cpus !== undefined) setCpus(vmx, cpus);
  if (memoryMiB !== undefined) vmx.set('memsize', String(memoryMiB));
  for (const { device, mac } of nicsOf(vmx)) if (mac !== undefined && removeNics.includes(mac)) dropDevice(vmx, device);
  for (const nic of addNics) if (!nicsOf(vmx).some(({ mac }) => mac === nic.mac)) addNic(vmx, nic);
}
