import { ProblemError } from '../problem/problem.ts';
import type { DriverVm, Snapshot } from './vm.ts';
import { waitingNic } from './waiting-nic.ts';

/** Checks of an input against the record of a VM, the same wherever they are made. Each points to its fault. */

/** A snapshot by its id, or by a name that only one has. Throws `snapshot-not-found`, or `invalid-input` if several have it. */
export function requireSnapshot({ name, snapshots }: Pick<DriverVm, 'name' | 'snapshots'>, wanted: string): Snapshot {
  const found = snapshots.find(({ id }) => id === wanted);
  if (found) return found;
  const named = snapshots.filter((snapshot) => snapshot.name === wanted);
  const [only] = named;
  if (!only) throw new ProblemError('snapshot-not-found', `"${name}" has no snapshot ${wanted}.`);
  if (named.length === 1) return only;
  const ids = named.map(({ id }) => id).join(', ');
  const detail = `"${name}" has ${named.length} snapshots named "${wanted}". Give the id of the one that you mean: ${ids}.`;
  throw new ProblemError('invalid-input', detail, { errors: [{ pointer: 'snapshot', detail }] });
}

/** The same input with the id of the snapshot. */
export const withSnapshotId = <Input extends { snapshot?: string | undefined }>(input: Input, vm: DriverVm): Input =>
  input.snapshot === undefined ? input : { ...input, snapshot: requireSnapshot(vm, input.snapshot).id };

export function requireFreeSnapshotName({ name: vm, snapshots }: DriverVm, name: string): void {
  if (!snapshots.some((snapshot) => snapshot.name === name)) return;
  throw new ProblemError('name-taken', `"${vm}" has a snapshot of the name "${name}" already.`, {
    errors: [{ pointer: '/name', detail: 'It is in use on this VM.' }],
  });
}

export function requireDisksToGrow(
  { name, disks }: DriverVm,
  growths: readonly { readonly device: string; readonly sizeGiB: number }[] = [],
): void {
  for (const [n, { device, sizeGiB }] of growths.entries()) {
    const disk = disks.find((one) => one.device === device);
    if (!disk) {
      throw new ProblemError('device-not-found', `"${name}" has no disk ${device}.`, {
        errors: [{ pointer: `/disks/${n}/device`, detail: 'There is no such disk.' }],
      });
    }
    // The host knows better when the size is not known here.
    if (disk.sizeGiB === undefined || sizeGiB >= disk.sizeGiB) continue;
    const fault = `The disk ${device} has ${disk.sizeGiB} GiB; a disk only grows.`;
    throw new ProblemError('invalid-input', fault, { errors: [{ pointer: `/disks/${n}/sizeGiB`, detail: fault }] });
  }
}

export function requireInterfaces(vm: DriverVm, macs: readonly string[] = []): void {
  const { name, nics } = vm;
  for (const [n, mac] of macs.entries()) {
    if (nics.some((nic) => nic.mac === mac) || waitingNic(vm, mac)) continue;
    throw new ProblemError('device-not-found', `"${name}" has no interface ${mac}.`, {
      errors: [{ pointer: `/removeNics/${n}`, detail: 'There is no such interface.' }],
    });
  }
}
