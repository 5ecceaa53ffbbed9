import {
  needsOfChange,
  ProblemError,
  requireAtRest,
  requireFits,
  requireNicChanges,
  requireNics,
  type Forecast,
  type HardwareChange,
  type NativeId,
} from '@polyvirt/contracts';
import { isDeepStrictEqual } from 'node:util';
import { allow } from '../allow.ts';
import { derivedMac } from '../derived-mac.ts';
import type { Effect, OperationContext, Outcome, ReconfigureFacet } from '../driver.ts';
import type { FakeCalls } from './fake-calls.ts';
import { FakeDisks, type DiskDecision } from './fake-disks.ts';
import { usualBootOrder, type FakeMachine, type FakeNic } from './fake-machine.ts';

const steps = {
  rename: { name: 'rename it', native: 'rename' },
  make: (device: string) => ({ name: `make disk ${device}`, native: 'create-volume' }),
  edit: { name: 'change the hardware', native: 'edit' },
  grow: (path: string) => ({ name: `grow ${path}`, native: 'resize-volume' }),
  orphan: (path: string) => ({ name: `leave ${path} to who needs it`, native: 'edit-volume' }),
  delete: (path: string) => ({ name: `delete ${path}`, native: 'delete-volume' }),
} as const;

/** Changes hardware. A running fake machine takes all but CPUs, memory and boot order, which wait for the power-off. */
export class FakeReconfigure implements ReconfigureFacet {
  readonly #disks: FakeDisks;

  constructor(private readonly calls: FakeCalls) {
    this.#disks = new FakeDisks(calls);
  }

  apply(nativeId: NativeId, input: HardwareChange, context: OperationContext): Promise<Outcome> {
    const { host } = this.calls;
    const step = this.calls.step.bind(this.calls, 'reconfigure', nativeId, context) as (
      step: Parameters<FakeCalls['step']>[3],
    ) => Promise<void>;
    return this.calls.call('reconfigure', nativeId, context.signal, async () => {
      const { before, rename, edits, add, grow, disks } = await this.calls.step('reconfigure', nativeId, context, {
        name: 'check the request',
        act: () => this.#decide(this.calls.machine(nativeId), input, context.operationId),
      });
      if (rename !== null)
        await step({
          ...steps.rename,
          act: () => {
            if (this.calls.machine(nativeId).name !== rename) host.rename(nativeId, rename);
          },
          undo: async () => {
            if (host.find(nativeId)?.name === rename) host.rename(nativeId, before.name);
          },
        });
      for (const { path, ...volume } of disks.made)
        await step({
          ...steps.make(disks.added.find((disk) => disk.path === path)!.device),
          act: () => {
            if (!host.volume(path)) host.createVolume({ path, ...volume });
          },
          undo: async () => {
            if (host.volume(path)) host.deleteVolume(path);
          },
        });
      if (edits)
        await step({
          ...steps.edit,
          act: () => host.edit('edit', nativeId, (machine) => change(machine, input, add, disks)),
          undo: async () => {
            const { name: _, ...hardware } = before;
            if (host.find(nativeId)) host.edit('edit', nativeId, (machine) => Object.assign(machine, hardware));
          },
        });
      // Last, as there is no way back: no disk can be made smaller again, and none comes back.
      for (const { path, sizeGiB } of grow)
        await step({
          ...steps.grow(path),
          act: () => {
            if (host.volume(path)?.sizeGiB !== sizeGiB) host.resizeVolume(path, sizeGiB);
          },
        });
      for (const path of disks.orphans)
        await step({
          ...steps.orphan(path),
          act: () => host.editVolume(path, (volume) => (volume.orphan = true)),
        });
      for (const path of disks.doomed)
        await step({
          ...steps.delete(path),
          act: () => {
            if (host.volume(path) && host.usersOf(path).length === 0) host.deleteVolume(path);
          },
        });
      const { notes } = disks;
      return {
        effect: edits || grow.length > 0 || rename !== null ? 'changed' : 'unchanged',
        ...(notes.length > 0 && { notes }),
      };
    });
  }

  drop(nativeId: NativeId, { signal }: OperationContext): Promise<Effect> {
    return this.calls.call('reconfigure.drop', nativeId, signal, () => {
      if (Object.keys(this.calls.machine(nativeId).pending).length === 0) return 'unchanged';
      this.calls.host.edit('drop-pending', nativeId, (machine) => (machine.pending = {}));
      return 'changed';
    });
  }

  plan(nativeId: NativeId, input: HardwareChange, signal: AbortSignal): Promise<Forecast> {
    return this.calls.call('plan', nativeId, signal, () => {
      const { rename, edits, grow, disks, addresses } = this.#decide(this.calls.machine(nativeId), input, 'planned');
      return {
        changes: addresses,
        disruption: disks.doomed.length > 0 ? 'data-loss' : 'none',
        steps: [
          ...(rename === null ? [] : [steps.rename]),
          ...disks.made.map(({ path }) => steps.make(disks.added.find((disk) => disk.path === path)!.device)),
          ...(edits ? [steps.edit] : []),
          ...grow.map(({ path }) => steps.grow(path)),
          ...disks.orphans.map((path) => steps.orphan(path)),
          ...disks.doomed.map((path) => steps.delete(path)),
        ],
        warnings: disks.notes.map((detail) => ({ code: 'disk-kept', detail })),
      };
    });
  }

  #decide(machine: FakeMachine, input: HardwareChange, operationId: string) {
    const { host } = this.calls;
    for (const ref of needsOfChange(input, this.calls.describe(machine))) this.calls.require(ref);
    allow('reconfigure', machine.state);
    requireAtRest(machine, input);
    const grow = this.#growths(machine, input);
    for (const mac of input.removeNics ?? []) requireInterface(machine, mac);
    for (const [index, { network }] of (input.addNics ?? []).entries())
      this.calls.requireNetwork(network, `/addNics/${index}/network`);
    requireFits(input, host);
    requireNics(input.addNics ?? [], '/addNics', this.calls.surroundingsOf(machine.nativeId, input.removeNics));
    const addresses = this.#requireNicChanges(machine, input);
    if (typeof input.cdrom === 'string') this.calls.requireImage(input.cdrom, 'iso', '/cdrom');
    const namesake = input.name === undefined ? undefined : host.findByName(input.name);
    if (namesake && namesake.nativeId !== machine.nativeId)
      throw new ProblemError('name-taken', `There is a VM with the name ${input.name} on this host.`);
    const add = (input.addNics ?? []).map(({ network, mac, address }, index) => ({
      network,
      mac: mac ?? derivedMac(operationId, index),
      ...(address !== 'auto' && { address }),
    }));
    const disks = this.#disks.decide(machine, input, operationId);
    const before = hardwareOf(machine);
    // On a copy, to see whether anything differs.
    const after = structuredClone(machine);
    change(after, input, add, disks);
    return {
      before,
      grow,
      add,
      disks,
      addresses,
      rename: input.name === undefined || input.name === machine.name ? null : input.name,
      edits: !isDeepStrictEqual(hardwareOf(after), before),
    };
  }

  #growths(machine: FakeMachine, { disks = [] }: HardwareChange): { path: string; sizeGiB: number }[] {
    return disks.flatMap(({ device, sizeGiB }, index) => {
      const path = machine.disks.find((disk) => disk.device === device)?.path;
      const volume = path === undefined ? undefined : this.calls.host.volume(path);
      if (!volume) throw new ProblemError('device-not-found', `${machine.name} has no disk ${device}.`);
      if (sizeGiB < volume.sizeGiB) {
        throw new ProblemError('invalid-input', `${device} has ${volume.sizeGiB} GiB; a disk only grows.`, {
          errors: [{ pointer: `/disks/${index}/sizeGiB`, detail: `at least ${volume.sizeGiB}` }],
        });
      }
      return sizeGiB === volume.sizeGiB ? [] : [{ path: volume.path, sizeGiB }];
    });
  }

  /** Answers what the record does not show: addresses that are asked for. */
  #requireNicChanges(machine: FakeMachine, { changeNics = [] }: HardwareChange) {
    for (const [index, { mac, network }] of changeNics.entries()) {
      requireInterface(machine, mac);
      if (network !== undefined) this.calls.requireNetwork(network, `/changeNics/${index}/network`);
    }
    const macs = changeNics.map(({ mac }) => mac);
    requireNicChanges(changeNics, machine.nics, this.calls.surroundingsOf(machine.nativeId, macs));
    return changeNics.flatMap(({ mac, network, address }) => {
      const at = requireInterface(machine, mac);
      const nic = machine.nics[at]!;
      const wanted = addressAfter(nic, { network, address });
      if (wanted === nic.address) return [];
      return [{ pointer: `/nics/${at}/addresses`, to: wanted === undefined ? [] : [wanted], when: 'now' as const }];
    });
  }
}

/** The index of the interface. */
function requireInterface(machine: FakeMachine, mac: string): number {
  const index = machine.nics.findIndex((nic) => nic.mac === mac);
  if (index < 0) throw new ProblemError('device-not-found', `${machine.name} has no interface ${mac}.`);
  return index;
}

/** On another network an interface has the address that is asked for there, or none of its own. */
function addressAfter(
  nic: FakeNic,
  { network, address }: { network: string | undefined; address: string | undefined },
): string | undefined {
  if (address !== undefined) return address === 'auto' ? undefined : address;
  return network === undefined || network === nic.network ? nic.address : undefined;
}

type Hardware = Pick<
  FakeMachine,
  | 'name'
  | 'cpus'
  | 'memoryMiB'
  | 'pending'
  | 'nics'
  | 'disks'
  | 'cdrom'
  | 'hasDrive'
  | 'bootOrder'
  | 'template'
  | 'autostart'
>;

const hardwareOf = (machine: FakeMachine) => {
  const { name, cpus, memoryMiB, pending, nics, disks, cdrom, hasDrive, bootOrder, template, autostart } =
    structuredClone(machine);
  return {
    name,
    cpus,
    memoryMiB,
    pending: { ...pending },
    nics: nics.map((nic) => ({ ...nic })),
    disks,
    cdrom,
    hasDrive: hasDrive === true,
    bootOrder: bootOrder ?? [...usualBootOrder],
    template: template === true,
    autostart: autostart === true,
  } satisfies Hardware;
};

function change(machine: FakeMachine, input: HardwareChange, add: FakeNic[], disks: DiskDecision): void {
  const off = machine.state === 'stopped' || machine.state === 'crashed';
  machine.bootOrder ??= [...usualBootOrder];
  for (const field of ['cpus', 'memoryMiB', 'bootOrder'] as const) {
    const value = input[field];
    if (value === undefined) continue;
    if (off) Object.assign(machine, { [field]: value });
    if (off || isDeepStrictEqual(value, machine[field])) delete machine.pending[field];
    else Object.assign(machine.pending, { [field]: value });
  }
  machine.template = input.template ?? machine.template === true;
  machine.autostart = input.autostart ?? machine.autostart === true;
  for (const { mac, network, address, connected } of input.changeNics ?? []) {
    const nic = machine.nics.find((one) => one.mac === mac);
    if (!nic) continue;
    const wanted = addressAfter(nic, { network, address });
    delete nic.address;
    if (wanted !== undefined) nic.address = wanted;
    nic.network = network ?? nic.network;
    if (connected === true) delete nic.unplugged;
    if (connected === false) nic.unplugged = true;
  }
  const kept = machine.nics.filter(({ mac }) => !input.removeNics?.includes(mac));
  machine.nics = [...kept, ...add.filter(({ mac }) => !kept.some((nic) => nic.mac === mac))];
  const left = machine.disks.filter(({ device }) => !disks.removed.includes(device));
  const come = disks.added.filter(({ path }) => !left.some((disk) => disk.path === path));
  machine.disks = [...left, ...come].sort((a, b) => a.device.localeCompare(b.device));
  if (input.cdrom === undefined) return;
  machine.hasDrive = machine.hasDrive === true || machine.cdrom !== null || input.cdrom !== null;
  machine.cdrom = input.cdrom;
}
