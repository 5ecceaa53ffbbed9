import { cutText, DriverVm, ProblemError, type ProblemCode, type VmRecord } from '@polyvirt/contracts';
import { isReadable, type ListedVm, type UnreadableVm } from '@polyvirt/hypervisor';
import { z } from 'zod';

const longestReason = 500;
/** What `get` throws for a VM that is there and cannot be read. */
const unreadableCodes: readonly ProblemCode[] = ['host-rejected', 'timed-out'];

/** A VM as the driver gives it, or as unreadable when what the driver gives makes no sense: one that does so stops nothing else. */
export function checked(vm: ListedVm): ListedVm {
  if (!isReadable(vm)) return vm;
  const { success, error } = DriverVm.safeParse(vm);
  if (success) return vm;
  const name = typeof vm.name === 'string' ? { name: vm.name } : {};
  const members = new Set(error.issues.map(({ path }) => z.core.toDotPath(path)));
  const unreadable = `What the host says of it makes no sense: ${[...members].join(', ')}. Look at it with the tools of its hypervisor.`;
  return { nativeId: vm.nativeId, ...name, unreadable };
}

/** A known VM whose look failed, as unreadable; undefined for a failure that says nothing about this VM. */
export function failedLook(known: VmRecord | undefined, error: unknown): UnreadableVm | undefined {
  if (!known || !(error instanceof ProblemError) || !unreadableCodes.includes(error.code)) return undefined;
  return { nativeId: known.nativeId, unreadable: error.message };
}

/** What is shown of a VM: what was read, or what was last known of it and why it cannot be read. */
export function shownOf(vm: ListedVm, before: VmRecord | undefined): DriverVm {
  if (isReadable(vm)) return vm;
  const { nativeId, name } = vm;
  const unreadable = cutText(vm.unreadable, longestReason);
  if (before && !wasNeverRead(before)) return { ...before, unreadable };
  const nothing = { state: 'unknown' as const, disks: [], nics: [], snapshots: [] };
  return { nativeId, name: name ?? before?.name ?? nativeId, ...nothing, unreadable };
}

const wasNeverRead = ({ state, unreadable }: VmRecord): boolean => unreadable !== undefined && state === 'unknown';

const named = 5;

/** One note for the operator about all VMs that cannot be read. */
export function unreadableNotes(records: readonly VmRecord[]): string[] {
  if (records.length === 0) return [];
  const count = records.length === 1 ? '1 VM cannot be read' : `${records.length} VMs cannot be read`;
  const reasons = records.slice(0, named).map(({ name, unreadable }) => `${name}: ${unreadable}`);
  const more = records.length > named ? [`and ${records.length - named} more`] : [];
  return [`${count}: ${[...reasons, ...more].join(' · ')}`];
}
