import {
  reconfigureVm,
  type DriverVm,
  type Forecast,
  type Plan,
  type PlanChange,
  type PlanWarning,
  type ReconfigureVm,
} from '@polyvirt/contracts';
import { capabilitiesWithout } from '@polyvirt/hypervisor';
import type { Waits } from './live-changes.ts';

/** The steps of a change, named alike in the plan and in the journal. */
export const reconfigureSteps = {
  rename: { name: 'rename', native: 'domain_rename' },
  memory: (memoryMiB: number) => ({ name: `set ${memoryMiB} MiB of memory`, native: 'domain_set_memory_flags' }),
  removeNic: (mac: string) => ({ name: `remove the interface ${mac}`, native: 'domain_detach_device_flags' }),
  addNic: (index: number, network: string) => ({
    name: `add interface ${index + 1}, on ${network}`,
    native: 'domain_attach_device_flags',
  }),
  cpus: (cpus: number) => ({ name: `set ${cpus} CPUs`, native: 'domain_set_vcpus_flags' }),
  grow: (device: string, sizeGiB: number) => ({
    name: `grow ${device} to ${sizeGiB} GiB`,
    native: 'domain_block_resize',
  }),
} as const;

export function stepsOf({ name, memoryMiB, removeNics, addNics, cpus, disks }: ReconfigureVm): Plan['steps'] {
  const steps = reconfigureSteps;
  return [
    ...(name === undefined ? [] : [steps.rename]),
    ...(memoryMiB === undefined ? [] : [steps.memory(memoryMiB)]),
    ...(removeNics ?? []).map(steps.removeNic),
    ...(addNics ?? []).map(({ network }, index) => steps.addNic(index, network)),
    ...(cpus === undefined ? [] : [steps.cpus(cpus)]),
    ...(disks ?? []).map(({ device, sizeGiB }) => steps.grow(device, sizeGiB)),
  ];
}

const everything = capabilitiesWithout({});

/** When each change comes about, and why not at once. */
export function forecastOf(
  input: ReconfigureVm,
  vm: DriverVm,
  waits: Waits,
): Required<Pick<Forecast, 'warnings'>> & { changes: PlanChange[] } {
  const outlined = reconfigureVm.outline(input, { vm, capabilities: everything }).changes;
  const warnings: PlanWarning[] = [];
  let added = -1;
  const changes = outlined.map((change): PlanChange => {
    const { pointer } = change;
    // What waited is withdrawn, which waits for nothing.
    if (change.when === 'next-power-off') return change;
    if (pointer === '/nics/-') added += 1;
    const at = pointer === '/nics/-' ? `/addNics/${added}` : placeOf(input, change);
    const reason = reasonFor(waits, at, input);
    if (reason === null) return change;
    warnings.push({ code: 'next-power-off', detail: reason, pointer: at });
    return { ...change, when: 'next-power-off' };
  });
  return { changes: [...changes, ...atLast(input, vm, waits, outlined)], warnings };
}

/** What has been waiting, and comes about now that it is asked for again. */
function atLast(input: ReconfigureVm, vm: DriverVm, waits: Waits, outlined: readonly PlanChange[]): PlanChange[] {
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
function placeOf({ removeNics = [] }: ReconfigureVm, { pointer, from }: PlanChange): string {
  const { mac } = (from ?? {}) as { mac?: string };
  return pointer.startsWith('/nics/') && mac !== undefined ? `/removeNics/${removeNics.indexOf(mac)}` : pointer;
}

function reasonFor(waits: Waits, at: string, { removeNics = [] }: ReconfigureVm): string | null {
  const [, field, index] = at.split('/');
  if (field === 'name' || field === 'cpus' || field === 'memoryMiB') return waits[field];
  if (field === 'addNics') return waits.addNics[Number(index)] ?? null;
  if (field === 'removeNics') return waits.removeNics[removeNics[Number(index)]!] ?? null;
  return null;
}
