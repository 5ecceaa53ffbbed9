import type { PendingChange } from '../plan/plan.ts';
import type { DriverVm } from './vm.ts';

const fields = ['name', 'cpus', 'memoryMiB', 'cdrom', 'bootOrder', 'template', 'autostart'] as const;

/** The part of a record that a change of a VM can be about. */
export type Hardware = Pick<DriverVm, (typeof fields)[number] | 'pendingChanges'> & {
  readonly disks: readonly Pick<DriverVm['disks'][number], 'device' | 'sizeGiB'>[];
  readonly nics: readonly Pick<DriverVm['nics'][number], 'mac' | 'network' | 'connected'>[];
};

/** Only that part. */
export const hardwareOf = (vm: DriverVm): Hardware => {
  const { name, cpus, memoryMiB, cdrom, bootOrder, template, autostart, disks, nics, pendingChanges } = vm;
  return {
    name,
    ...(cpus !== undefined && { cpus }),
    ...(memoryMiB !== undefined && { memoryMiB }),
    ...(cdrom !== undefined && { cdrom }),
    ...(bootOrder && { bootOrder }),
    ...(template !== undefined && { template }),
    ...(autostart !== undefined && { autostart }),
    disks: disks.map(({ device, sizeGiB }) => ({ device, ...(sizeGiB !== undefined && { sizeGiB }) })),
    nics: nics.map(({ mac, network, connected }) => ({
      ...(mac !== undefined && { mac }),
      ...(network !== undefined && { network }),
      ...(connected !== undefined && { connected }),
    })),
    ...(pendingChanges && { pendingChanges }),
  };
};

/**
 * What is different in the second, now or at the next power-off. Pointers lead into the first; what has come is at the end of
 * its list.
 */
export function differenceOf(before: Hardware, after: Hardware): PendingChange[] {
  const waited = new Set((before.pendingChanges ?? []).map((change) => JSON.stringify(change)));
  return [
    ...fields.flatMap((field) => {
      const [from, to] = [before[field], after[field]];
      return JSON.stringify(from) === JSON.stringify(to) ? [] : [change(`/${field}`, from, to)];
    }),
    ...before.disks.flatMap((disk, index) => {
      const now = after.disks.find(({ device }) => device === disk.device);
      if (!now) return [change(`/disks/${index}`, disk, undefined)];
      return now.sizeGiB === disk.sizeGiB ? [] : [change(`/disks/${index}/sizeGiB`, disk.sizeGiB, now.sizeGiB)];
    }),
    ...missingIn(before.disks, after.disks, ({ device }) => device).map((disk) => change('/disks/-', undefined, disk)),
    ...before.nics.flatMap((nic, index) => {
      const now = after.nics.find(({ mac }) => mac === nic.mac);
      if (!now) return [change(`/nics/${index}`, nic, undefined)];
      return (['network', 'connected'] as const).flatMap((field) =>
        nic[field] === now[field] ? [] : [change(`/nics/${index}/${field}`, nic[field], now[field])],
      );
    }),
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
