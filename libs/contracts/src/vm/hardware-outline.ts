import type { Known } from '../command/define-command.ts';
import { hasFeature, type FeatureRef } from '../host/capabilities.ts';
import type { Outline, PlanChange, PlanWarning } from '../plan/plan.ts';
import type { DiskAddition, HardwareChange } from './hardware-change.ts';
import { isOn, warning } from './vm-outlines.ts';
import { waitingNic } from './waiting-nic.ts';

/** Only what differs. A field of a running VM waits for the power-off where its host cannot change it live. */
export function outlineOfChange(input: HardwareChange, { vm, capabilities }: Known): Outline {
  const record = vm!;
  const isLive = (feature: FeatureRef) => !isOn(record) || hasFeature(capabilities, feature);
  const wait = (feature: FeatureRef): PlanChange['when'] => (isLive(feature) ? 'now' : 'next-power-off');
  const waits = (pointer: string) => record.pendingChanges?.find((change) => change.pointer === pointer);
  const value = (pointer: string, from: unknown, to: unknown, when: PlanChange['when']): PlanChange[] => {
    if (to === undefined) return [];
    const pending = waits(pointer);
    if (same(pending ? pending.to : from, to)) return [];
    // What waited is withdrawn.
    if (pending && same(from, to)) return [{ pointer, from: pending.to, to, when: 'next-power-off' }];
    return [{ pointer, ...(from !== undefined && { from }), to, when }];
  };
  const { disks = [], addDisks = [], removeDisks = [], addNics = [], changeNics = [], removeNics = [] } = input;
  const nicAt = (mac: string) => record.nics.findIndex((nic) => nic.mac === mac);
  const diskAt = (device: string) => record.disks.findIndex((disk) => disk.device === device);
  return {
    changes: [
      ...value('/name', record.name, input.name, wait('reconfigure.nameLive')),
      ...value('/cpus', record.cpus, input.cpus, wait('reconfigure.cpusLive')),
      ...value('/memoryMiB', record.memoryMiB, input.memoryMiB, wait('reconfigure.memoryLive')),
      // The order counts at the next boot only; a running VM keeps what it was started with.
      ...value('/bootOrder', record.bootOrder, input.bootOrder, isOn(record) ? 'next-power-off' : 'now'),
      ...value('/template', record.template, input.template, 'now'),
      ...value('/autostart', record.autostart, input.autostart, 'now'),
      ...value('/cdrom', record.cdrom, ejected(input.cdrom, record.cdrom), wait('reconfigure.cdromLive')),
      ...disks.flatMap(({ device, sizeGiB }) => {
        const index = diskAt(device);
        const from = record.disks[index]?.sizeGiB;
        return value(`/disks/${index}/sizeGiB`, from, sizeGiB, wait('reconfigure.disksLive'));
      }),
      ...removeDisks.flatMap(({ device }): PlanChange[] => {
        const pointer = `/disks/${diskAt(device)}`;
        const { sizeGiB } = record.disks[diskAt(device)] ?? {};
        if (waits(pointer)) return [];
        const from = { device, ...(sizeGiB !== undefined && { sizeGiB }) };
        return [{ pointer, from, when: wait('reconfigure.removeDisksLive') }];
      }),
      ...addDisks.map((disk) => ({ pointer: '/disks/-', to: added(disk), when: wait('reconfigure.addDisksLive') })),
      ...changeNics.flatMap(({ mac, network, connected }) => {
        const index = nicAt(mac);
        const nic = record.nics[index];
        return [
          ...value(`/nics/${index}/network`, nic?.network, network, wait('reconfigure.nicsInPlaceLive')),
          ...value(`/nics/${index}/connected`, nic?.connected, connected, wait('reconfigure.nicLinkLive')),
        ];
      }),
      ...removeNics.flatMap((mac): PlanChange[] => {
        const waiting = waitingNic(record, mac);
        if (waiting) return [{ pointer: waiting.pointer, from: waiting.to, when: 'next-power-off' }];
        const pointer = `/nics/${nicAt(mac)}`;
        const { network } = record.nics[nicAt(mac)] ?? {};
        return waits(pointer) ? [] : [{ pointer, from: { mac, network }, when: wait('reconfigure.nicsLive') }];
      }),
      ...addNics.map((nic) => ({ pointer: '/nics/-', to: nic, when: wait('reconfigure.nicsLive') })),
    ],
    disruption: removeDisks.some(({ keep }) => !keep) ? 'data-loss' : 'none',
    warnings: isOn(record)
      ? [
          ...guestDecides(
            removeNics.filter((mac) => !waitingNic(record, mac)),
            'interface',
            '/removeNics',
            isLive('reconfigure.nicsLive'),
          ),
          ...guestDecides(removeDisks, 'disk', '/removeDisks', isLive('reconfigure.removeDisksLive')),
        ]
      : [],
  };
}

/** A drive that is not there is as empty as can be. */
const ejected = (wanted: string | null | undefined, present: string | null | undefined) =>
  wanted === null && present === undefined ? undefined : wanted;

/** A disk from a volume is that volume. */
const added = ({ copy, volume, ...disk }: DiskAddition) =>
  volume === undefined ? { ...disk, ...(disk.image !== undefined && { copy }) } : { volume };

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

function guestDecides(removed: readonly unknown[], what: string, pointer: string, isLive: boolean): PlanWarning[] {
  if (removed.length === 0 || !isLive) return [];
  const detail = `The guest has to let go of the ${what}. If it does not, the ${what} goes at the next power-off.`;
  return [warning('guest-decides', detail, pointer)];
}
