import type { Known } from '../command/define-command.ts';
import { hasFeature, type FeatureRef } from '../host/capabilities.ts';
import type { Outline, PlanChange, PlanWarning } from '../plan/plan.ts';
import type { DriverVm, VmState } from './vm.ts';
import { waitingNic } from './waiting-nic.ts';

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

/** As in the input of `vm.reconfigure`. */
interface Reconfigured {
  readonly name?: string | undefined;
  readonly cpus?: number | undefined;
  readonly memoryMiB?: number | undefined;
  readonly disks?: readonly { readonly device: string; readonly sizeGiB: number }[] | undefined;
  readonly addNics?: readonly object[] | undefined;
  readonly removeNics?: readonly string[] | undefined;
}

/** Only what differs. A field of a running VM waits for the power-off where its host cannot change it live. */
export function outlineOfReconfigure(input: Reconfigured, { vm, capabilities }: Known): Outline {
  const record = vm!;
  const wait = (feature: FeatureRef): PlanChange['when'] =>
    isOn(record) && !hasFeature(capabilities, feature) ? 'next-power-off' : now;
  const waits = (pointer: string) => record.pendingChanges?.find((change) => change.pointer === pointer);
  const value = (pointer: string, from: unknown, to: unknown, feature: FeatureRef): PlanChange[] => {
    if (to === undefined) return [];
    const pending = waits(pointer);
    if (pending ? pending.to === to : from === to) return [];
    // What waited is withdrawn.
    if (pending && from === to) return [{ pointer, from: pending.to, to, when: 'next-power-off' }];
    return [{ pointer, ...(from !== undefined && { from }), to, when: wait(feature) }];
  };
  return {
    changes: [
      ...value('/name', record.name, input.name, 'reconfigure.nameLive'),
      ...value('/cpus', record.cpus, input.cpus, 'reconfigure.cpusLive'),
      ...value('/memoryMiB', record.memoryMiB, input.memoryMiB, 'reconfigure.memoryLive'),
      ...(input.disks ?? []).flatMap(({ device, sizeGiB }) => {
        const index = record.disks.findIndex((disk) => disk.device === device);
        const from = record.disks[index]?.sizeGiB;
        return value(`/disks/${index}/sizeGiB`, from, sizeGiB, 'reconfigure.disksLive');
      }),
      ...(input.removeNics ?? []).flatMap((mac): PlanChange[] => {
        const waiting = waitingNic(record, mac);
        if (waiting) return [{ pointer: waiting.pointer, from: waiting.to, when: 'next-power-off' }];
        const index = record.nics.findIndex((nic) => nic.mac === mac);
        const { network } = record.nics[index] ?? {};
        if (waits(`/nics/${index}`)) return [];
        return [{ pointer: `/nics/${index}`, from: { mac, network }, when: wait('reconfigure.nicsLive') }];
      }),
      ...(input.addNics ?? []).map((nic) => ({ pointer: '/nics/-', to: nic, when: wait('reconfigure.nicsLive') })),
    ],
    warnings:
      (input.removeNics ?? []).some((mac) => !waitingNic(record, mac)) &&
      isOn(record) &&
      wait('reconfigure.nicsLive') === now
        ? [
            warning(
              'guest-decides',
              'The guest has to let go of the interface. If it does not, the interface goes at the next power-off.',
              '/removeNics',
            ),
          ]
        : [],
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

const warning = (code: string, detail: string, pointer?: string): PlanWarning => ({
  code,
  detail,
  ...(pointer !== undefined && { pointer }),
});

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
