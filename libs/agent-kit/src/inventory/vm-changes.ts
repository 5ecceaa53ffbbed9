import {
  vmCrashed,
  vmCreated,
  vmDeleted,
  vmPaused,
  vmReconfigured,
  vmRenamed,
  vmResumed,
  vmSnapshotCreated,
  vmSnapshotDeleted,
  vmStarted,
  vmStopped,
  vmSuspended,
  vmUpdated,
  type EventDefinition,
  type VmRecord,
  type VmState,
} from '@polyvirt/contracts';
import { isDeepStrictEqual } from 'node:util';

/** One event that follows from two looks at a VM. */
export interface VmChange {
  readonly definition: EventDefinition;
  /** What the event carries beside the record and who caused it. */
  readonly extras: Readonly<Record<string, unknown>>;
  /** Tells apart two changes of one kind between the same looks; part of the id of the event. */
  readonly detail: string;
  /** Whether readers of the event want the native definition too. */
  readonly withDefinition: boolean;
}

/** What happened to a VM between two looks, in the order a reader would tell it. */
export function changesBetween(before: VmRecord | undefined, after: VmRecord | undefined): VmChange[] {
  if (!before && !after) return [];
  if (!after) return [change(vmDeleted)];
  if (!before) return [change(vmCreated, { withDefinition: true }), ...firstSeenAs(after.state)];
  return [
    ...renaming(before, after),
    ...(isDeepStrictEqual(hardwareOf(before), hardwareOf(after))
      ? []
      : [change(vmReconfigured, { withDefinition: true })]),
    ...snapshotChanges(before, after),
    ...transition(before.state, after.state),
    ...(differsElsewhere(before, after) ? [change(vmUpdated)] : []),
  ];
}

function change(
  definition: EventDefinition,
  { extras = {}, detail = '', withDefinition = false }: Partial<Omit<VmChange, 'definition'>> = {},
): VmChange {
  return { definition, extras, detail, withDefinition };
}

function renaming({ name: previousName }: VmRecord, { name }: VmRecord): VmChange[] {
  if (name === previousName) return [];
  return [change(vmRenamed, { extras: { previousName }, detail: name, withDefinition: true })];
}

function snapshotChanges(before: VmRecord, after: VmRecord): VmChange[] {
  const old = new Set(before.snapshots.map(({ id }) => id));
  const now = new Set(after.snapshots.map(({ id }) => id));
  const told = (definition: EventDefinition) => (snapshot: VmRecord['snapshots'][number]) =>
    change(definition, { extras: { snapshot }, detail: snapshot.id });
  return [
    ...before.snapshots.filter(({ id }) => !now.has(id)).map(told(vmSnapshotDeleted)),
    ...after.snapshots.filter(({ id }) => !old.has(id)).map(told(vmSnapshotCreated)),
  ];
}

/** A VM that is already on when it appears has been created and then started. */
function firstSeenAs(state: VmState): VmChange[] {
  switch (state) {
    case 'running':
      return [change(vmStarted)];
    case 'paused':
      return [change(vmPaused)];
    case 'suspended':
      return [change(vmSuspended)];
    case 'crashed':
      return [change(vmCrashed)];
    case 'stopped':
    case 'unknown':
      return [];
  }
}

function transition(before: VmState, after: VmState): VmChange[] {
  if (before === after) return [];
  // The host had lost sight of it: what happened meanwhile is not known, only what is now.
  if (before === 'unknown') return [change(vmUpdated, { detail: `state ${after}` })];
  switch (after) {
    case 'running':
      return [change(before === 'paused' || before === 'suspended' ? vmResumed : vmStarted)];
    case 'stopped':
      return [change(vmStopped)];
    case 'paused':
      return [change(vmPaused)];
    case 'suspended':
      return [change(vmSuspended)];
    case 'crashed':
      return [change(vmCrashed)];
    case 'unknown':
      return [change(vmUpdated, { detail: 'state unknown' })];
  }
}

const hardwareOf = ({ cpus, memoryMiB, firmware, disks, nics, cdrom, bootOrder, pendingChanges }: VmRecord) => ({
  cpus,
  memoryMiB,
  firmware,
  disks,
  nics: nics.map(({ mac, network, connected }) => ({ mac, network, connected })),
  cdrom,
  bootOrder,
  pendingChanges: pendingChanges ?? [],
});

/** Whether something differs that none of the other events tells of. */
function differsElsewhere(before: VmRecord, after: VmRecord): boolean {
  const facts = ({ createdAt, hypervisor, simulated, unreadable }: VmRecord) => ({
    createdAt,
    hypervisor,
    simulated,
    unreadable,
  });
  const guestFacts = (record: VmRecord, other: VmRecord) => [record.guest, addressesOf(record, other)];
  // A VM that goes off loses what its guest has told; the event of its state says enough.
  const isSameState = before.state === after.state;
  return !(
    isDeepStrictEqual(facts(before), facts(after)) &&
    isDeepStrictEqual(snapshotFacts(before, after), snapshotFacts(after, before)) &&
    (!isSameState || isDeepStrictEqual(guestFacts(before, after), guestFacts(after, before)))
  );
}

/** Addresses of the interfaces that the other record has too. */
const addressesOf = ({ nics }: VmRecord, other: VmRecord) =>
  nics.filter(({ mac }) => other.nics.some((nic) => nic.mac === mac)).map(({ mac, addresses }) => [mac, addresses]);

/** What snapshots that both records have are called; and which is current, unless snapshots came or went. */
function snapshotFacts({ snapshots }: VmRecord, other: VmRecord) {
  const inBoth = snapshots.filter(({ id }) => other.snapshots.some((snapshot) => snapshot.id === id));
  const same = inBoth.length === snapshots.length && inBoth.length === other.snapshots.length;
  return inBoth.map(({ id, name, description, current }) => [id, name, description, same && current]);
}
