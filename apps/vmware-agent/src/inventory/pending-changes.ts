import { readFile, rm } from 'node:fs/promises';
import { BootDevice, type DriverVm, type PendingChange } from '@polyvirt/contracts';
import { z } from 'zod';
import { addDisk, changeNic, removeDisk, setBootOrder, setMedium } from '../vmx/devices.ts';
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
  bootOrder: z.array(BootDevice).optional(),
  /** The image of the drive: its name for people, and its path. */
  cdrom: z.object({ image: z.string().nullable(), path: z.string().nullable() }).optional(),
  disks: z.array(z.object({ device: z.string(), sizeGiB: z.int() })).default([]),
  /** A disk that was made for it goes with it when it is withdrawn. */
  addDisks: z
    .array(
      z.object({
        device: z.string(),
        fileName: z.string(),
        isVolume: z.boolean(),
        isMade: z.boolean().default(false),
      }),
    )
    .default([]),
  /** With the disk that goes, and what it stands on: of that goes what was kept for it alone. */
  removeDisks: z.array(z.object({ device: z.string(), doomed: z.array(z.string()) })).default([]),
  addNics: z.array(Nic).default([]),
  changeNics: z
    .array(z.object({ mac: z.string(), network: z.string().optional(), connected: z.boolean().optional() }))
    .default([]),
  removeNics: z.array(z.string()).default([]),
});
export type PendingChanges = z.infer<typeof PendingChanges>;

export const noChanges: PendingChanges = {
  disks: [],
  addDisks: [],
  removeDisks: [],
  addNics: [],
  changeNics: [],
  removeNics: [],
};

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

export const isEmpty = (changes: PendingChanges): boolean =>
  Object.values(changes).every((value) => value === undefined || (Array.isArray(value) && value.length === 0));

/** Whether anything waits for the power-off of a machine. */
export const hasPending = async (vmx: string): Promise<boolean> => !isEmpty(await readPending(vmx));

type Present = Pick<DriverVm, 'name' | 'cpus' | 'memoryMiB' | 'cdrom' | 'bootOrder' | 'disks' | 'nics'>;

/** The same as the contract says it, with what the machine has until then. */
export function pendingOf(pending: PendingChanges, vm: Present): PendingChange[] {
  const field = (pointer: string, from: unknown, to: unknown): PendingChange[] =>
    to === undefined ? [] : [{ pointer, ...(from !== undefined && { from }), to }];
  const diskAt = (device: string) => vm.disks.findIndex((disk) => disk.device === device);
  const nicAt = (mac: string) => vm.nics.findIndex((nic) => nic.mac === mac);
  return [
    ...field('/name', vm.name, pending.name),
    ...field('/cpus', vm.cpus, pending.cpus),
    ...field('/memoryMiB', vm.memoryMiB, pending.memoryMiB),
    ...field('/bootOrder', vm.bootOrder, pending.bootOrder),
    ...field('/cdrom', vm.cdrom, pending.cdrom?.image),
    ...pending.disks.flatMap(({ device, sizeGiB }) => {
      const index = diskAt(device);
      return field(`/disks/${index}/sizeGiB`, vm.disks[index]?.sizeGiB, sizeGiB);
    }),
    ...pending.removeDisks.map(({ device }) => {
      const { sizeGiB } = vm.disks[diskAt(device)] ?? {};
      return { pointer: `/disks/${diskAt(device)}`, from: { device, ...(sizeGiB !== undefined && { sizeGiB }) } };
    }),
    ...pending.addDisks.map(({ device }) => ({ pointer: '/disks/-', to: { device } })),
    ...pending.changeNics.flatMap(({ mac, network, connected }) => {
      const [index, nic] = [nicAt(mac), vm.nics[nicAt(mac)]];
      return [
        ...field(`/nics/${index}/network`, nic?.network, network),
        ...field(`/nics/${index}/connected`, nic?.connected, connected),
      ];
    }),
    ...pending.removeNics.map((mac) => ({
      pointer: `/nics/${nicAt(mac)}`,
      from: { mac, network: vm.nics[nicAt(mac)]?.network },
    })),
    ...pending.addNics.map((nic) => ({ pointer: '/nics/-', to: nic })),
  ];
}

/** Writes what concerns the configuration; the content of disks is in files of their own. */
export function applyTo(vmx: Dictionary, changes: PendingChanges): void {
  const { name, cpus, memoryMiB, bootOrder, cdrom, addDisks, removeDisks, addNics, changeNics, removeNics } = changes;
  if (name !== undefined) vmx.set('displayName', name);
  if (cpus !== undefined) setCpus(vmx, cpus);
  if (memoryMiB !== undefined) vmx.set('memsize', String(memoryMiB));
  if (bootOrder) setBootOrder(vmx, bootOrder);
  if (cdrom) setMedium(vmx, cdrom.path);
  for (const { device } of removeDisks) removeDisk(vmx, device);
  for (const disk of addDisks) addDisk(vmx, disk);
  for (const change of changeNics) changeNic(vmx, change);
  for (const { device, mac } of nicsOf(vmx)) if (mac !== undefined && removeNics.includes(mac)) dropDevice(vmx, device);
  for (const nic of addNics) if (!nicsOf(vmx).some(({ mac }) => mac === nic.mac)) addNic(vmx, nic);
}
