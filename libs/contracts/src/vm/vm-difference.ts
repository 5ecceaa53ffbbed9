import type { PendingChange } from '../plan/plan.ts';
import type { DriverVm } from './vm.ts';

/** The part of a record that a change of a VM can be about. */
export type Hardware = Pick<DriverVm, 'name' | 'cpus' | 'memoryMiB' | 'pendingChanges'> & {
  readonly disks: readonly Pick<DriverVm['disks'][number], 'device' | 'sizeGiB'>[];
  readonly nics: readonly Pick<DriverVm['nics'][number], 'mac' | 'network'>[];
};

/** Only that part. */
export const hardwareOf = ({ name, cpus, memoryMiB, disks, nics, pendingChanges }: DriverVm): Hardware => ({
  name,
  ...(cpus !== undefined && { cpus }),
  ...(memoryMiB !== undefined && { memoryMiB }),
  disks: disks.map(({ device, sizeGiB }) => ({ device, ...(sizeGiB !== undefined && { sizeGiB }) })),
  nics: nics.map(({ mac, network }) => ({
    ...(mac !== undefined && { mac }),
    ...(network !== undefined && { network }),
  })),
  ...(pendingChanges && { pendingChanges }),
});

/**
 * What is different in the second, now or at the next power-off. Pointers lead into the first; what has come is at the end of
 * its list.
 */
export function differenceOf(before: Hardware, after: Hardware): PendingChange[] {
  const waited = new Set((before.pendingChanges ?? []).map((change) => JSON.stringify(change)));
  return [
    ...(['name', 'cpus', 'memoryMiB'] as const).flatMap((field) => {
      const [from, to] = [before[field], after[field]];
      return from === to ? [] : [change(`/${field}`, from, to)];
    }),
    ...before.disks.flatMap((disk, index) => {
      const now = after.disks.find(({ device }) => device === disk.device);
      if (!now) return [change(`/disks/${index}`, disk, undefined)];
      return now.sizeGiB === disk.sizeGiB ? [] : [change(`/disks/${index}/sizeGiB`, disk.sizeGiB, now.sizeGiB)];
    }),
    ...missingIn(before.disks, after.disks, ({ device }) => device).map((disk) => change('/disks/-', undefined, disk)),
    ...before.nics.flatMap((nic, index) =>
      after.nics.some(({ mac }) => mac === nic.mac) ? [] : [change(`/nics/${index}`, nic, undefined)],
    ),
    ...missingIn(before.nics, after.nics, ({ mac }) => mac).map((nic) => change('/nics/-', undefined, nic)),
    ...(after.pendingChanges ?? []).filter((pending) => !waited.has(JSON.stringify(pending))),
  ];
}

const missingIn = <Item>(before: readonly Item[], after: readonly Item[], key: (item: Item) => unknown): Item[] =>
  after.filter((item) => !before.some((other) => key(other) === key(item)));

const change = (pointer: string, from: unknown, to: unknown): PendingChange => ({
  pointer,
  ...(from !== undefined && { from }),
  ...(to !== undefined && { to }),
});
