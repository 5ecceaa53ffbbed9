import { z } from 'zod';
import type { FeatureRef } from '../host/capabilities.ts';
import { ProblemError } from '../problem/problem.ts';
import { BootOrder, type DriverVm } from './vm.ts';
import { DiskInput, MacInput, NicInput, NicInputs, cpus, memoryMiB } from './vm-create.ts';
import { VmName } from './vm.ts';
import { isOn } from './vm-outlines.ts';
import { waitingNic } from './waiting-nic.ts';

/** Name of a disk of a VM, as its record has it. */
export const DeviceName = z.string().min(1).max(64).describe('Name of the disk on its VM: `vda`, `scsi0:0`.');

export const diskSizeGiB = z.int().min(1).max(65_536);

const DiskGrowth = z.object({ device: DeviceName, sizeGiB: diskSizeGiB });

const DiskAddition = z.object({ ...DiskInput.shape, volume: z.string().optional() });
export type DiskAddition = z.infer<typeof DiskAddition>;

const DiskRemoval = z.object({ device: DeviceName, keep: z.boolean() });
export type DiskRemoval = z.infer<typeof DiskRemoval>;

const NicChange = z.object({
  mac: MacInput,
  network: NicInput.shape.network.optional(),
  address: NicInput.shape.address.unwrap().optional(),
  connected: z.boolean().optional(),
});
export type NicChange = z.infer<typeof NicChange>;

/**
 * Everything that a VM can be changed in, which several commands ask for in parts: only what is named changes, all of it or
 * nothing.
 */
export const HardwareChange = z.object({
  name: VmName.optional(),
  cpus: cpus.optional(),
  memoryMiB: memoryMiB.optional(),
  bootOrder: BootOrder.optional(),
  template: z.boolean().optional(),
  autostart: z.boolean().optional(),
  /** To grow. */
  disks: z.array(DiskGrowth).optional(),
  addDisks: z.array(DiskAddition).optional(),
  removeDisks: z.array(DiskRemoval).optional(),
  addNics: NicInputs.optional(),
  changeNics: z.array(NicChange).optional(),
  /** MAC addresses. */
  removeNics: z.array(MacInput).optional(),
  /** Name of the ISO image to insert, null to eject. */
  cdrom: z.string().nullable().optional(),
});
export type HardwareChange = z.infer<typeof HardwareChange>;

/** What of the host a change takes beyond that it can change VMs at all. */
export function needsOfChange(change: HardwareChange, vm: DriverVm | undefined): FeatureRef[] {
  const {
    disks = [],
    addDisks = [],
    removeDisks = [],
    changeNics = [],
    cdrom,
    bootOrder,
    template,
    autostart,
  } = change;
  const needs: [FeatureRef, boolean][] = [
    ['reconfigure.growWithSnapshots', disks.length > 0 && vm !== undefined && vm.snapshots.length > 0],
    ['reconfigure.attachVolumes', addDisks.some(({ volume }) => volume !== undefined)],
    ['reconfigure.keepDisks', removeDisks.some(({ keep }) => keep)],
    [
      'reconfigure.nicsInPlace',
      changeNics.some(({ network, address }) => network !== undefined || address !== undefined),
    ],
    ['reconfigure.nicLink', changeNics.some(({ connected }) => connected !== undefined)],
    ['reconfigure.cdrom', cdrom !== undefined],
    ['reconfigure.bootOrder', bootOrder !== undefined],
    ['reconfigure.template', template !== undefined],
    ['reconfigure.autostart', autostart !== undefined],
  ];
  return needs.flatMap(([feature, isNeeded]) => (isNeeded ? [feature] : []));
}

/** Throws what the record of the VM shows to be impossible. */
export function requireChangeable(vm: DriverVm, change: HardwareChange): void {
  const { disks = [], removeDisks = [], changeNics = [], removeNics = [] } = change;
  requireAtRest(vm, change);
  for (const [n, { device }] of removeDisks.entries()) requireDisk(vm, device, `/removeDisks/${n}/device`);
  for (const [n, { device, sizeGiB }] of disks.entries()) {
    const disk = requireDisk(vm, device, `/disks/${n}/device`);
    // The host knows better when the size is not known here.
    if (disk.sizeGiB === undefined || sizeGiB >= disk.sizeGiB) continue;
    const fault = `The disk ${device} has ${disk.sizeGiB} GiB; a disk only grows.`;
    throw new ProblemError('invalid-input', fault, { errors: [{ pointer: `/disks/${n}/sizeGiB`, detail: fault }] });
  }
  for (const [n, { mac }] of changeNics.entries()) requireInterface(vm, mac, `/changeNics/${n}/mac`);
  for (const [n, mac] of removeNics.entries())
    // One that waits for the power-off can be withdrawn.
    if (!waitingNic(vm, mac)) requireInterface(vm, mac, `/removeNics/${n}`);
}

/**
 * A template is off, and stays off. Throws `wrong-state` if the VM is on that is to be one or no longer, `invalid-input` if it
 * is to start with its host all the same.
 */
export function requireAtRest(
  vm: Pick<DriverVm, 'name' | 'state' | 'template' | 'autostart'>,
  { template, autostart }: Pick<HardwareChange, 'template' | 'autostart'>,
): void {
  if (template !== undefined && template !== (vm.template ?? false) && isOn(vm))
    throw new ProblemError('wrong-state', `"${vm.name}" is ${vm.state}, and a template is off. Stop it first.`);
  const isAsked = template !== undefined || autostart !== undefined;
  if (!isAsked || !(template ?? vm.template) || !(autostart ?? vm.autostart)) return;
  const pointer = autostart === undefined ? '/template' : '/autostart';
  const detail = `A template does not start, and "${vm.name}" ${autostart ? 'would' : 'does'} with its host: set \`autostart\` to false.`;
  throw new ProblemError('invalid-input', detail, { errors: [{ pointer, detail }] });
}

function requireDisk({ name, disks }: DriverVm, device: string, pointer: string): DriverVm['disks'][number] {
  const disk = disks.find((one) => one.device === device);
  if (disk) return disk;
  const there = disks.length === 0 ? 'It has none.' : `It has ${disks.map((one) => one.device).join(', ')}.`;
  throw new ProblemError('device-not-found', `"${name}" has no disk ${device}. ${there}`, {
    errors: [{ pointer, detail: 'There is no such disk.' }],
  });
}

function requireInterface({ name, nics }: DriverVm, mac: string, pointer: string): void {
  if (nics.some((nic) => nic.mac === mac)) return;
  throw new ProblemError('device-not-found', `"${name}" has no interface ${mac}.`, {
    errors: [{ pointer, detail: 'There is no such interface.' }],
  });
}
