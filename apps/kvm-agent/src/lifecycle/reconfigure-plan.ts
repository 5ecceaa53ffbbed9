import {
  reconfigureVm,
  type DriverVm,
  type Forecast,
  type Plan,
  type PlanChange,
  type PlanWarning,
  type HardwareChange,
} from '@polyvirt/contracts';
import { capabilitiesWithout } from '@polyvirt/hypervisor';
import type { DiskDecision } from './disk-changes.ts';
import type { Waits } from './live-changes.ts';

/** The steps of a change, named alike in the plan and in the journal. */
export const reconfigureSteps = {
  rename: { name: 'rename', native: 'domain_rename' },
  template: (on: boolean) => ({
    name: on ? 'make it a template' : 'make it an ordinary VM',
    native: 'domain_set_metadata',
  }),
  autostart: (on: boolean) => ({
    name: on ? 'have it start with the host' : 'have it stay off when the host starts',
    native: 'domain_set_autostart',
  }),
  memory: (memoryMiB: number) => ({ name: `set ${memoryMiB} MiB of memory`, native: 'domain_set_memory_flags' }),
  removeNic: (mac: string) => ({ name: `remove the interface ${mac}`, native: 'domain_detach_device_flags' }),
  addNic: (index: number, network: string) => ({
    name: `add interface ${index + 1}, on ${network}`,
    native: 'domain_attach_device_flags',
  }),
  addedDisk: (device: string) => ({ name: `make disk ${device}`, native: 'storage_vol_create_xml' }),
  attachDisk: (device: string) => ({ name: `attach disk ${device}`, native: 'domain_attach_device_flags' }),
  detachDisk: (device: string) => ({ name: `detach disk ${device}`, native: 'domain_detach_device_flags' }),
  deleteFile: (path: string) => ({ name: `delete ${path} unless it is in use`, native: 'storage_vol_delete' }),
  findMedium: { name: 'find the ISO image', native: 'storage_vol_upload' },
  medium: (image: string | null) => ({
    name: image === null ? 'eject the CD-ROM' : `insert ${image}`,
    native: 'domain_update_device_flags',
  }),
  bootOrder: { name: 'set the boot order', native: 'domain_define_xml_flags' },
  changeNic: (mac: string) => ({ name: `change the interface ${mac}`, native: 'domain_update_device_flags' }),
  cpus: (cpus: number) => ({ name: `set ${cpus} CPUs`, native: 'domain_set_vcpus_flags' }),
  grow: (device: string, sizeGiB: number) => ({
    name: `grow ${device} to ${sizeGiB} GiB`,
    native: 'domain_block_resize',
  }),
} as const;

export function stepsOf(input: HardwareChange, decided: DiskDecision, doomed: readonly string[]): Plan['steps'] {
  const { name, memoryMiB, removeNics, addNics, changeNics, cpus, disks, cdrom, bootOrder, template, autostart } =
    input;
  const steps = reconfigureSteps;
  return [
    ...(name === undefined ? [] : [steps.rename]),
    ...(template === undefined ? [] : [steps.template(template)]),
    ...(autostart === undefined ? [] : [steps.autostart(autostart)]),
    ...(memoryMiB === undefined ? [] : [steps.memory(memoryMiB)]),
    ...(removeNics ?? []).map(steps.removeNic),
    ...(addNics ?? []).map(({ network }, index) => steps.addNic(index, network)),
    ...(changeNics ?? []).map(({ mac }) => steps.changeNic(mac)),
    ...(typeof cdrom === 'string' ? [steps.findMedium] : []),
    ...(cdrom === undefined ? [] : [steps.medium(cdrom)]),
    ...(bootOrder === undefined ? [] : [steps.bootOrder]),
    ...decided.added.flatMap(({ device, name: made }) => [
      ...(made === null ? [] : [steps.addedDisk(device)]),
      steps.attachDisk(device),
    ]),
    ...decided.removed.map(({ device }) => steps.detachDisk(device)),
    ...(cpus === undefined ? [] : [steps.cpus(cpus)]),
    ...(disks ?? []).map(({ device, sizeGiB }) => steps.grow(device, sizeGiB)),
    ...doomed.map(steps.deleteFile),
  ];
}

const everything = capabilitiesWithout({});

/** When each change comes about, and why not at once. */
export function forecastOf(
  input: HardwareChange,
  vm: DriverVm,
  waits: Waits,
): Required<Pick<Forecast, 'warnings'>> & { changes: PlanChange[] } {
  const outlined = reconfigureVm.outline(input, { vm, capabilities: everything }).changes;
  const warnings: PlanWarning[] = [];
  const added = { nics: -1, disks: -1 };
  const changes = outlined.map((change): PlanChange => {
    const { pointer } = change;
    const list = /^\/(nics|disks)\/-$/.exec(pointer)?.[1] as 'nics' | 'disks' | undefined;
    if (list) added[list] += 1;
    // What waited is withdrawn, which waits for nothing.
    if (change.when === 'next-power-off' && pointer !== '/bootOrder') return change;
    const at = list ? `/add${list === 'nics' ? 'Nics' : 'Disks'}/${added[list]}` : placeOf(input, change);
    const reason = reasonFor(waits, at, input);
    if (reason === null) return change;
    warnings.push({ code: 'next-power-off', detail: reason, pointer: at });
    return { ...change, when: 'next-power-off' };
  });
  return { changes: [...changes, ...atLast(input, vm, waits, outlined)], warnings };
}

/** What has been waiting, and comes about now that it is asked for again. */
function atLast(input: HardwareChange, vm: DriverVm, waits: Waits, outlined: readonly PlanChange[]): PlanChange[] {
  return (vm.pendingChanges ?? []).flatMap((pending): PlanChange[] => {
    const { pointer, from, to } = pending;
    if (outlined.some((change) => change.pointer === pointer)) return [];
    const change: PlanChange = {
      pointer,
      when: 'now',
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
    };
    const field = pointer.slice(1);
    if (field === 'cpus' || field === 'memoryMiB') return input[field] === to && waits[field] === null ? [change] : [];
    const { mac } = (from ?? {}) as { mac?: string };
    const isAsked = pointer.startsWith('/nics/') && to === undefined && mac !== undefined;
    return isAsked && input.removeNics?.includes(mac) && waits.removeNics[mac] === null ? [change] : [];
  });
}

/** Of a change, into the body of the request. */
function placeOf({ removeNics = [], removeDisks = [] }: HardwareChange, { pointer, from }: PlanChange): string {
  const { mac, device } = (from ?? {}) as { mac?: string; device?: string };
  const gone = removeDisks.findIndex((disk) => disk.device === device);
  if (/^\/disks\/\d+$/.test(pointer) && gone >= 0) return `/removeDisks/${gone}`;
  return pointer.startsWith('/nics/') && mac !== undefined ? `/removeNics/${removeNics.indexOf(mac)}` : pointer;
}

function reasonFor(waits: Waits, at: string, { removeNics = [], removeDisks = [] }: HardwareChange): string | null {
  const [, field, index] = at.split('/');
  if (field === 'name' || field === 'cpus' || field === 'memoryMiB' || field === 'cdrom' || field === 'bootOrder')
    return waits[field];
  if (field === 'addNics') return waits.addNics[Number(index)] ?? null;
  if (field === 'addDisks') return waits.addDisks[Number(index)] ?? null;
  if (field === 'removeDisks') return waits.removeDisks[removeDisks[Number(index)]!.device] ?? null;
  if (field === 'removeNics') return waits.removeNics[removeNics[Number(index)]!] ?? null;
  return null;
}
