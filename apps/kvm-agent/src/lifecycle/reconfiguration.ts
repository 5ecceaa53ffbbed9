import { randomUUID } from 'node:crypto';
import { ProblemError, type Forecast, type NativeId, type HardwareChange } from '@polyvirt/contracts';
import type { Effect, OperationContext, Outcome, PlanRequest, ReconfigureFacet } from '@polyvirt/hypervisor';
import type { Domain, Libvirt } from '@polyvirt/node-libvirt';
import { readDomain } from '../domain/domain-reader.ts';
import type { Machines } from '../domain/machines.ts';
import type { HostLimits } from '../host-limits.ts';
import type { Networks } from '../networks.ts';
import type { PowerOffWork } from '../power-off-work.ts';
import type { StateWaiter } from '../state-waiter.ts';
import type { StoragePool } from '../storage/storage-pool.ts';
import { Hardware, type Change } from './hardware.ts';
import { LiveChanges, type Waits } from './live-changes.ts';
import { interfaceXml } from './nic-xml.ts';
import { newNics, ReconfigureCheck } from './reconfigure-check.ts';
import { forecastOf, reconfigureSteps as steps, stepsOf } from './reconfigure-plan.ts';
import { Withdrawal } from './withdrawal.ts';

/** What a machine had before, for the way back; written into the journal before anything is changed. */
type Before = {
  wasOn: boolean;
  name: string;
  pendingName: string | null;
  cpus: number;
  maximumCpus: number;
  memoryMiB: number;
  maximumMemoryMiB: number;
  /** The interfaces that are removed, and the addresses that are kept for them; without a definition where one is to go already. */
  removed: { mac: string; network: string; xml: string | null; address: string | null }[];
};

interface Planned {
  readonly name: string;
  readonly native: string;
  act(): Promise<Change>;
  undo?(signal: AbortSignal): Promise<unknown>;
}

/** Changes hardware, live where libvirt and the guest can. What fails half-way is undone, but for disks that have grown. */
export class Reconfiguration implements ReconfigureFacet {
  readonly #machines: Machines;
  readonly #powerOffWork: PowerOffWork;
  readonly #networks: Networks;
  readonly #check: ReconfigureCheck;
  readonly #hardware: Hardware;
  readonly #live: LiveChanges;
  readonly #withdrawal: Withdrawal;

  constructor(parts: {
    libvirt: Libvirt;
    machines: Machines;
    storage: StoragePool;
    networks: Networks;
    powerOffWork: PowerOffWork;
    waiter: StateWaiter;
    limits: HostLimits;
  }) {
    this.#machines = parts.machines;
    this.#powerOffWork = parts.powerOffWork;
    this.#networks = parts.networks;
    this.#check = new ReconfigureCheck(parts);
    this.#hardware = new Hardware(parts);
    this.#live = new LiveChanges(parts.machines);
    this.#withdrawal = new Withdrawal(parts);
  }

  async apply(nativeId: NativeId, input: HardwareChange, context: OperationContext): Promise<Outcome> {
    const { journal, operationId } = context;
    const domain = await this.#machines.domain(nativeId);
    // All of the input is checked before any of it is done, so that bad input changes nothing.
    const { before, waits } = await journal.step({
      name: 'check the changes',
      native: 'domain_get_xml_desc',
      act: async () => {
        await this.#check.run(domain, input, operationId);
        return { before: await this.#before(domain, input), waits: await this.#live.decide(domain, input) };
      },
    });

    let changed = false;
    const notes: string[] = [];
    const carryOut = async ({ act, undo, ...step }: Planned) => {
      const change = await journal.step<Change>({
        ...step,
        act: async () => {
          const result = await act();
          if (before.wasOn) await this.#refuseCrashed(domain, step.name);
          return result;
        },
        ...(undo && {
          undo: async (signal: AbortSignal) => {
            await undo(signal);
          },
        }),
      });
      changed ||= change.changed;
      if (change.changed && change.note !== null) notes.push(change.note);
    };
    for (const planned of this.#plan(domain, input, { before, waits }, context)) await carryOut(planned);
    await this.#grow(domain, input, carryOut);
    return {
      effect: changed ? 'changed' : 'unchanged',
      ...(notes.length > 0 ? { notes } : {}),
    };
  }

  drop(nativeId: NativeId, context: OperationContext): Promise<Effect> {
    return this.#withdrawal.drop(nativeId, context);
  }

  planDrop({ nativeId }: PlanRequest): Promise<Forecast> {
    return this.#withdrawal.plan(nativeId);
  }

  /** The check of the act, and when each change comes about. */
  async plan({ nativeId, vm, input }: PlanRequest<HardwareChange>): Promise<Forecast> {
    const domain = await this.#machines.domain(nativeId);
    await this.#check.run(domain, input, randomUUID());
    const waits = await this.#live.decide(domain, input);
    const { changes, warnings } = forecastOf(input, vm, waits);
    return { changes, warnings, steps: changes.length > 0 ? stepsOf(input) : [] };
  }

  /** What can be taken back comes first. */
  #plan(
    domain: Domain,
    input: HardwareChange,
    { before, waits }: { before: Before; waits: Waits },
    { signal, operationId }: OperationContext,
  ): Planned[] {
    const { cpus, memoryMiB, name } = input;
    const hardware = this.#hardware;
    const planned: Planned[] = [];
    if (name !== undefined)
      planned.push({
        ...steps.rename,
        act: async () => ({ changed: await this.#rename(domain, name), note: waits.name }),
        undo: async () => {
          await this.#rename(domain, before.name);
          await this.#powerOffWork.noteName(domain, before.pendingName ?? undefined);
        },
      });
    if (memoryMiB !== undefined)
      planned.push({
        ...steps.memory(memoryMiB),
        act: () => hardware.setMemory(domain, memoryMiB, waits.memoryMiB, { signal }),
        undo: (undoing) =>
          hardware.setMemory(domain, before.memoryMiB, null, {
            signal: undoing,
            maximumMiB: before.maximumMemoryMiB,
          }),
      });
    for (const { mac, network, xml, address } of before.removed)
      planned.push({
        ...steps.removeNic(mac),
        act: () => hardware.removeNic(domain, mac, waits.removeNics[mac] ?? null, signal),
        undo: async () => {
          if (xml !== null) {
            await hardware.attachNic(domain, mac, xml, null);
            await this.#powerOffWork.noteLeaving(domain, { mac, network }, false);
          }
          if (address !== null) await this.#networks.reserve(network, mac, address);
        },
      });
    for (const [index, nic] of newNics(input, operationId).entries())
      planned.push({
        ...steps.addNic(index, nic.network),
        act: () => hardware.addNic(domain, nic, waits.addNics[index] ?? null),
        undo: async (undoing) => {
          await hardware.removeNic(domain, nic.mac, null, undoing);
          await this.#networks.release([nic]);
        },
      });
    // An emulated CPU does not leave a running machine again.
    if (cpus !== undefined)
      planned.push({
        ...steps.cpus(cpus),
        act: () => hardware.setCpus(domain, cpus, waits.cpus),
        undo: () => hardware.resetCpus(domain, before),
      });
    return planned;
  }

  /** Last of all: a disk that has grown stays so, whatever fails after it. */
  async #grow(
    domain: Domain,
    { disks = [] }: HardwareChange,
    carryOut: (planned: Planned) => Promise<void>,
  ): Promise<void> {
    const grown: string[] = [];
    for (const { device, sizeGiB } of disks) {
      try {
        await carryOut({
          ...steps.grow(device, sizeGiB),
          act: () => this.#hardware.growDisk(domain, device, sizeGiB),
        });
      } catch (error) {
        if (!(error instanceof ProblemError) || grown.length === 0) throw error;
        throw new ProblemError(
          error.code,
          `${error.message} Kept, as a disk does not shrink: ${grown.join(', ')}. All else is as it was.`,
          { cause: error },
        );
      }
      grown.push(`${device} has ${sizeGiB} GiB`);
    }
  }

  async #before(domain: Domain, { removeNics = [] }: HardwareChange): Promise<Before> {
    const xml = await domain.xml({ inactive: true });
    const { name, cpus, maximumCpus, memoryMiB, maximumMemoryMiB, nics } = readDomain(xml);
    const live = await this.#machines.liveDefinition(domain);
    const { pendingName } = live;
    const removed = await Promise.all(
      removeNics.map(async (mac) => {
        const nic = [...nics, ...live.nics].find((one) => one.mac === mac)!;
        const address = (await this.#networks.reservationOf(nic)) ?? null;
        return { mac, network: nic.network, xml: interfaceXml(xml, mac)[0] ?? null, address };
      }),
    );
    return {
      wasOn: await this.#machines.isOn(domain),
      name,
      pendingName: pendingName ?? null,
      cpus,
      maximumCpus,
      memoryMiB,
      maximumMemoryMiB,
      removed,
    };
  }

  /** A change that libvirt calls done is none when QEMU did not survive it. */
  async #refuseCrashed(domain: Domain, step: string): Promise<void> {
    if ((await this.#machines.state(domain)) !== 'crashed') return;
    throw new ProblemError(
      'host-rejected',
      `The VM crashed when the agent was about to ${step}. Its log says more: /var/log/libvirt/qemu/${domain.name}.log`,
    );
  }

  async #rename(domain: Domain, name: string): Promise<boolean> {
    const current = await this.#machines.liveDefinition(domain);
    if (current.name === name) {
      if (current.pendingName !== undefined) await this.#powerOffWork.noteName(domain, undefined);
      return current.pendingName !== undefined;
    }
    await this.#powerOffWork.noteName(domain, name);
    await this.#powerOffWork.apply(domain);
    return true;
  }
}
