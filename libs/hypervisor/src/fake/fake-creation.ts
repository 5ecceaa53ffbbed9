import {
  ProblemError,
  requireFits,
  requireNics,
  type CloneVm,
  type CreateVm,
  type Forecast,
  type NativeId,
  type Plan,
} from '@polyvirt/contracts';
import { allow } from '../allow.ts';
import { derivedMac } from '../derived-mac.ts';
import type { Made, OperationContext } from '../driver.ts';
import { known } from '../known.ts';
import type { FakeCalls } from './fake-calls.ts';
import { deviceOf, volumeFor } from './fake-disks.ts';
import { newMachine, type FakeVolume, type NewMachine } from './fake-machine.ts';

/** The native id of a machine that is only planned. */
const planned = 'planned';

const steps = {
  volume: (number: number) => ({ name: `make volume ${number}`, native: 'create-volume' }),
  define: { name: 'define the machine', native: 'define' },
  powerOn: { name: 'power it on', native: 'power-on' },
} as const;

const stepsOf = (volumes: number, start: boolean): Plan['steps'] => [
  ...Array.from({ length: volumes }, (_, index) => steps.volume(index + 1)),
  steps.define,
  ...(start ? [steps.powerOn] : []),
];

/** Makes VMs, from a body or from another VM. The native id of the new one is the id of the operation. */
export class FakeCreation {
  constructor(private readonly calls: FakeCalls) {}

  create(input: CreateVm, context: OperationContext): Promise<Made> {
    const nativeId = context.operationId;
    return this.calls.call('create', nativeId, context.signal, async () => {
      const { template, nics } = input;
      // A repeat has to come by what was made, even if the template has gone since.
      const copied = await this.calls.step('create', nativeId, context, {
        name: 'check the request',
        act: () => this.#check(input, nativeId),
      });
      const volumes = this.#volumesOf(input, copied, nativeId);
      const seed = seedOf(input, nativeId);
      const nvram = input.firmware === 'uefi' ? nvramOf(nativeId) : undefined;
      const others = [seed, nvram].filter((volume) => volume !== undefined);
      await this.#makeVolumes('create', nativeId, context, [...volumes, ...others]);
      await this.#define('create', context, {
        nativeId,
        name: input.name,
        state: 'stopped',
        cpus: input.cpus,
        memoryMiB: input.memoryMiB,
        firmware: input.firmware,
        disks: volumes.map(({ path }, index) => ({ device: deviceOf(index), path })),
        nics: nics.map(({ network, mac, address }, index) => ({
          network,
          mac: mac ?? derivedMac(nativeId, index),
          ...(address !== 'auto' && { address }),
        })),
        cdrom: input.cdrom,
        ...(seed && { seed: seed.path }),
        ...(nvram && { nvram: nvram.path }),
        bootable: template !== undefined || input.disks[0]?.image !== undefined,
      });
      if (input.start) await this.#powerOn('create', nativeId, context);
      return { nativeId, effect: 'changed' };
    });
  }

  plan(input: CreateVm, signal: AbortSignal): Promise<Forecast> {
    return this.calls.call('plan', undefined, signal, () => {
      const copied = this.#check(input, planned);
      const disks = this.#volumesOf(input, copied, planned).length;
      const others = (seedOf(input, planned) ? 1 : 0) + (input.firmware === 'uefi' ? 1 : 0);
      return { steps: stepsOf(disks + others, input.start) };
    });
  }

  planClone(source: NativeId, input: CloneVm, signal: AbortSignal): Promise<Forecast> {
    return this.calls.call('plan', source, signal, () => {
      const { disks, firmware } = this.#checkClone(source, input, planned);
      return { steps: stepsOf(disks.length + (firmware === 'uefi' ? 1 : 0), input.start) };
    });
  }

  /** Answers the sizes of the disks that come from the template. */
  #check(input: CreateVm, nativeId: NativeId): number[] {
    this.#requireFreeName(input.name, nativeId);
    requireFits(input, this.calls.host);
    for (const { network } of input.nics) this.#requireNetwork(network);
    this.#requireNics(input, nativeId);
    if (input.cdrom !== null) this.calls.requireImage(input.cdrom, 'iso', '/cdrom');
    const copied = input.template === undefined ? [] : this.#requireTemplate(input.template);
    this.calls.host.requireRoom(this.#volumesOf(input, copied, nativeId));
    return copied;
  }

  #checkClone(source: NativeId, input: CloneVm, nativeId: NativeId) {
    const machine = this.calls.machine(source);
    if (input.linked) this.calls.require('clone.linked');
    if (input.linked && input.snapshot !== undefined) this.calls.require('clone.linkedOfSnapshot');
    allow('clone', machine.state);
    this.#requireFreeName(input.name, nativeId);
    const snapshot = machine.snapshots.find(({ id }) => id === input.snapshot);
    if (input.snapshot !== undefined && !snapshot)
      throw new ProblemError('snapshot-not-found', `${machine.name} has no snapshot ${input.snapshot}.`);
    const { cpus, memoryMiB, disks, nics } = snapshot?.hardware ?? machine;
    return {
      cpus,
      memoryMiB,
      networks: nics.map(({ network }) => network),
      disks: disks.map(({ device, path }) => ({
        device,
        from: path,
        ...known({ sizeGiB: snapshot?.sizes[path] ?? this.calls.host.volume(path)?.sizeGiB }),
      })),
      firmware: machine.firmware,
      bootable: machine.bootable,
    };
  }

  clone(source: NativeId, input: CloneVm, context: OperationContext): Promise<Made> {
    const nativeId = context.operationId;
    return this.calls.call('clone', source, context.signal, async () => {
      const plan = await this.calls.step('clone', source, context, {
        name: 'check the request',
        act: () => this.#checkClone(source, input, nativeId),
      });
      const volumes = plan.disks.map(({ device, from, sizeGiB }) => {
        const backing = input.linked ? from : this.calls.host.volume(from)?.backing;
        if (sizeGiB === undefined)
          throw new ProblemError('host-rejected', `The disk ${from} is gone: nothing to copy.`);
        const path = `/fake/disks/${nativeId}-${device}`;
        return { path, sizeGiB, madeFor: nativeId, ...(backing !== undefined && { backing }) };
      });
      const nvram = plan.firmware === 'uefi' ? nvramOf(nativeId) : undefined;
      await this.#makeVolumes('clone', source, context, nvram ? [...volumes, nvram] : volumes);
      await this.#define('clone', context, {
        nativeId,
        name: input.name,
        state: 'stopped',
        cpus: plan.cpus,
        memoryMiB: plan.memoryMiB,
        firmware: plan.firmware,
        disks: volumes.map(({ path }, index) => ({ device: plan.disks[index]!.device, path })),
        nics: plan.networks.map((network, index) => ({ network, mac: derivedMac(nativeId, index) })),
        cdrom: null,
        ...(nvram && { nvram: nvram.path }),
        bootable: plan.bootable,
      });
      if (input.start) await this.#powerOn('clone', nativeId, context);
      return { nativeId, effect: 'changed' };
    });
  }

  async #makeVolumes(method: string, nativeId: NativeId, context: OperationContext, volumes: readonly FakeVolume[]) {
    const { host } = this.calls;
    for (const [index, volume] of volumes.entries()) {
      await this.calls.step(method, nativeId, context, {
        ...steps.volume(index + 1),
        act: () => {
          if (!host.volume(volume.path)) host.createVolume({ ...volume });
        },
        undo: async () => {
          if (host.volume(volume.path)) host.deleteVolume(volume.path);
        },
      });
      context.progress((80 * (index + 1)) / volumes.length);
    }
  }

  #define(method: string, context: OperationContext, facts: NewMachine): Promise<void> {
    const { host } = this.calls;
    return this.calls.step(method, facts.nativeId, context, {
      ...steps.define,
      act: () => {
        if (!host.find(facts.nativeId)) host.define(newMachine(facts));
      },
      undo: async () => {
        if (host.find(facts.nativeId)) host.undefine(facts.nativeId);
      },
    });
  }

  #powerOn(method: string, nativeId: NativeId, context: OperationContext): Promise<void> {
    const { host } = this.calls;
    return this.calls.step(method, nativeId, context, {
      ...steps.powerOn,
      act: () => {
        if (this.calls.machine(nativeId).state !== 'running') host.powerOn(nativeId);
      },
      undo: async () => {
        if (host.find(nativeId)?.state === 'running') host.powerOff(nativeId);
      },
    });
  }

  #volumesOf({ disks, template }: CreateVm, copied: readonly number[], nativeId: NativeId): FakeVolume[] {
    const wanted =
      template === undefined ? disks : copied.map((sizeGiB) => ({ image: undefined, sizeGiB, copy: 'full' as const }));
    return wanted.map(({ sizeGiB, image, copy }, index) => {
      const path = `/fake/disks/${nativeId}-${deviceOf(index)}`;
      return volumeFor(this.calls, { sizeGiB, image, copy }, { path, madeFor: nativeId }, `/disks/${index}`);
    });
  }

  /** A repeat finds the interfaces that it has made itself, and they are not in its way. */
  #requireNics({ nics }: CreateVm, nativeId: NativeId): void {
    if (this.calls.host.find(nativeId)) return;
    requireNics(nics, '/nics', this.calls.surroundingsOf(nativeId));
  }

  #requireFreeName(name: string, nativeId: NativeId): void {
    const other = this.calls.host.findByName(name);
    if (other && other.nativeId !== nativeId)
      throw new ProblemError('name-taken', `There is a VM with the name ${name} on this host.`);
  }

  #requireNetwork(name: string): void {
    if (!this.calls.host.networks.some((network) => network.name === name))
      throw new ProblemError('network-not-found', `This host has no network ${name}.`);
  }

  #requireTemplate(wanted: string): number[] {
    const { host } = this.calls;
    const isWanted = ({ name, nativeId }: { name: string; nativeId: NativeId }) =>
      name === wanted || nativeId === wanted;
    const kept = host.templates.find(isWanted);
    if (kept) return [kept.sizeGiB ?? 1];
    const machine = host.machines().find((one) => one.template === true && isWanted(one));
    if (!machine) throw new ProblemError('template-not-found', `This host has no template ${wanted}.`);
    return machine.disks.map(({ path }) => host.volume(path)?.sizeGiB ?? 1);
  }
}

const seedOf = ({ cloudInit }: CreateVm, nativeId: NativeId): FakeVolume | undefined =>
  cloudInit && { path: `/fake/disks/${nativeId}-seed.iso`, sizeGiB: 0.001 };

const nvramOf = (nativeId: NativeId): FakeVolume => ({ path: `/fake/nvram/${nativeId}`, sizeGiB: 0.0005 });
