import type { Known } from '../command/define-command.ts';
import type { Outline, PlanChange, PlanWarning } from '../plan/plan.ts';
import type { DriverVm, VmState } from './vm.ts';

/** What the commands do to a VM, by its record. What a driver knows better it says in its forecast. */

export const isOn = ({ state }: Pick<DriverVm, 'state'>): boolean => state === 'running' || state === 'paused';

const now = 'now' as const;

export const stateChange = ({ state }: DriverVm, to: VmState): PlanChange => ({
  pointer: '/state',
  from: state,
  to,
  when: now,
});

/** A VM that comes to be. */
export const outlineOfNew = (vm: Readonly<Record<string, unknown>>, start: boolean): Outline => ({
  changes: [{ pointer: '', to: { ...vm, state: start ? 'running' : 'stopped' }, when: now }],
});

interface Copy {
  readonly name: string;
  readonly start: boolean;
  readonly cpus?: number | undefined;
  readonly memoryMiB?: number | undefined;
  readonly nics?: readonly object[] | undefined;
}

/** A copy of a VM, and each thing in which it is to differ from its source. */
export function outlineOfCopy({ name, start, cpus, memoryMiB, nics }: Copy, source: DriverVm): Outline {
  const sizes = { cpus: cpus ?? source.cpus, memoryMiB: memoryMiB ?? source.memoryMiB };
  const { firmware } = source;
  const differs = (pointer: string, from: unknown, to: unknown): PlanChange[] =>
    to === undefined || to === from ? [] : [{ pointer, ...(from !== undefined && { from }), to, when: now }];
  return {
    changes: [
      ...outlineOfNew({ name, ...sizes, firmware }, start).changes,
      ...differs('/cpus', source.cpus, cpus),
      ...differs('/memoryMiB', source.memoryMiB, memoryMiB),
      ...(nics ? source.nics : []).map(({ mac, network }, index) => ({
        pointer: `/nics/${index}`,
        from: { ...(mac !== undefined && { mac }), ...(network !== undefined && { network }) },
        when: now,
      })),
      ...(nics ?? []).map((nic) => ({ pointer: '/nics/-', to: nic, when: now })),
    ],
  };
}

export const savedMemoryLost = (fate: string): PlanWarning =>
  warning('saved-memory-lost', `Its saved memory will be ${fate}.`);

export function outlineOfDelete({ disks: fate }: { disks: 'delete' | 'keep' }, { vm }: Known): Outline {
  const { name, disks, snapshots, state } = vm!;
  const doomed = fate === 'delete' ? disks : [];
  const isLoss = doomed.length > 0 || snapshots.length > 0 || state === 'suspended';
  return {
    changes: [
      { pointer: '', from: { name, state }, when: now },
      ...doomed.map((disk, index) => ({ pointer: `/disks/${index}`, from: disk, when: now })),
    ],
    disruption: isLoss ? 'data-loss' : 'none',
    warnings: [
      ...(snapshots.length > 0
        ? [warning('snapshots-lost', `Its ${counted(snapshots.length, 'snapshot')} will be deleted with it.`)]
        : []),
      ...(state === 'suspended' ? [savedMemoryLost('deleted with it')] : []),
      ...(fate === 'keep' && disks.length > 0
        ? [warning('disks-kept', `Its ${counted(disks.length, 'disk')} will stay on the host.`, '/disks')]
        : []),
    ],
  };
}

export function outlineOfRevert({ snapshot: id }: { snapshot: string }, { vm }: Known): Outline {
  const record = vm!;
  const index = record.snapshots.findIndex((snapshot) => snapshot.id === id);
  const { memory, state, current } = record.snapshots[index]!;
  const after = memory ? state : 'stopped';
  return {
    changes: [
      { pointer: `/snapshots/${index}/current`, from: current, to: true, when: now },
      ...(after === record.state ? [] : [stateChange(record, after)]),
    ],
    disruption: 'data-loss',
    warnings:
      isOn(record) && after === 'stopped'
        ? [warning('goes-off', 'It is on and will be off: the snapshot holds no memory. Start it when you need it.')]
        : [],
  };
}

export function outlineOfSnapshotDelete(
  { snapshot, children }: { snapshot: string; children: boolean },
  { vm }: Known,
): Outline {
  const doomed = new Set([snapshot]);
  // A child may stand before its parent.
  for (let found = 0; children && found !== doomed.size;) {
    found = doomed.size;
    for (const { id, parent } of vm!.snapshots) if (parent !== null && doomed.has(parent)) doomed.add(id);
  }
  return {
    changes: vm!.snapshots.flatMap(({ id, name }, index) =>
      doomed.has(id) ? [{ pointer: `/snapshots/${index}`, from: { id, name }, when: now }] : [],
    ),
    warnings: [
      warning('snapshots-lost', `${counted(doomed.size, 'snapshot')} will be gone: there is no way back to them.`),
    ],
  };
}

export function outlineOfDrop(_: unknown, { vm }: Known): Outline {
  return {
    changes: (vm!.pendingChanges ?? []).map(({ pointer, from, to }) => ({
      pointer,
      from: to,
      ...(from !== undefined && { to: from }),
      when: 'next-power-off',
    })),
  };
}

export const warning = (code: string, detail: string, pointer?: string): PlanWarning => ({
  code,
  detail,
  ...(pointer !== undefined && { pointer }),
});

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
