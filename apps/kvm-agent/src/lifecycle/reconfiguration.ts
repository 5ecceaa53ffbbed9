import { ProblemError, type NativeId, type ReconfigureVm } from '@polyvirt/contracts';
import { allow, type OperationContext, type Outcome, type ReconfigureFacet } from '@polyvirt/hypervisor';
import type { Domain, Libvirt } from '@polyvirt/node-libvirt';
import { readDomain } from '../domain/domain-reader.ts';
import type { Machines } from '../domain/machines.ts';
import { isOn } from '../domain/states.ts';
import type { HostLimits } from '../host-limits.ts';
import type { Networks } from '../networks.ts';
import type { PendingNames } from '../pending-names.ts';
import type { StateWaiter } from '../state-waiter.ts';
import type { StoragePool } from '../storage/storage-pool.ts';
import { Hardware, type Change } from './hardware.ts';
import { interfaceXml } from './nic-xml.ts';
import { newNics, ReconfigureCheck } from './reconfigure-check.ts';

/** What a machine had before, for the way back; written into the journal before anything is changed. */
type Before = {
  wasOn: boolean;
  name: string;
  pendingName: string | null;
  cpus: number;
  maximumCpus: number;
  memoryMiB: number;
  maximumMemoryMiB: number;
  /** The interfaces that are removed, as the definition has them, and the addresses that are kept for them. */
  removed: { mac: string; network: string; xml: string; address: string | null }[];
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
  readonly #names: PendingNames;
  readonly #networks: Networks;
  readonly #check: ReconfigureCheck;
  readonly #hardware: Hardware;

  constructor(parts: {
    libvirt: Libvirt;
    machines: Machines;
    storage: StoragePool;
    networks: Networks;
    names: PendingNames;
    waiter: StateWaiter;
    limits: HostLimits;
  }) {
    this.#machines = parts.machines;
    this.#names = parts.names;
    this.#networks = parts.networks;
    this.#check = new ReconfigureCheck(parts);
    this.#hardware = new Hardware(parts);
  }

  async apply(nativeId: NativeId, input: ReconfigureVm, context: OperationContext): Promise<Outcome> {
    const { journal } = context;
    const domain = await this.#machines.domain(nativeId);
    // All of the input is checked before any of it is done, so that bad input changes nothing.
    const before = await journal.step({
      name: 'check the changes',
      native: 'domain_get_xml_desc',
      act: async () => {
        allow('reconfigure', await this.#machines.state(domain));
        await this.#check.run(domain, input, context);
        return this.#before(domain, input);
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
      if (change.note !== null) notes.push(change.note);
    };
    for (const planned of this.#plan(domain, input, before, context)) await carryOut(planned);
    await this.#grow(domain, input, carryOut);
    return {
      effect: changed ? 'changed' : 'unchanged',
      ...(notes.length > 0 ? { notes } : {}),
    };
  }

  #plan(domain: Domain, input: ReconfigureVm, before: Before, context: OperationContext): Planned[] {
    const { cpus, memoryMiB, name } = input;
    const hardware = this.#hardware;
    const planned: Planned[] = [];
    if (cpus !== undefined)
      planned.push({
        name: `set ${cpus} CPUs`,
        native: 'domain_set_vcpus_flags',
        act: () => hardware.setCpus(domain, cpus),
        undo: () => hardware.setCpus(domain, before.cpus, before.maximumCpus),
      });
    if (memoryMiB !== undefined)
      planned.push({
        name: `set ${memoryMiB} MiB of memory`,
        native: 'domain_set_memory_flags',
        act: () => hardware.setMemory(domain, memoryMiB, context.signal),
        undo: (signal) => hardware.setMemory(domain, before.memoryMiB, signal, before.maximumMemoryMiB),
      });
    for (const { mac, network, xml, address } of before.removed)
      planned.push({
        name: `remove the interface ${mac}`,
        native: 'domain_detach_device_flags',
        act: () => hardware.removeNic(domain, mac, context.signal),
        undo: async () => {
          await hardware.attachNic(domain, mac, xml);
          if (address !== null) await this.#networks.reserve(network, mac, address);
        },
      });
    for (const nic of newNics(input, context))
      planned.push({
        name: `add the interface ${nic.mac}`,
        native: 'domain_attach_device_flags',
        act: () => hardware.addNic(domain, nic),
        undo: async (signal) => {
          await hardware.removeNic(domain, nic.mac, signal);
          await this.#networks.release([nic]);
        },
      });
    if (name !== undefined)
      planned.push({
        name: 'rename',
        native: 'domain_rename',
        act: async () => ({ changed: await this.#rename(domain, name), note: null }),
        undo: async () => {
          await this.#rename(domain, before.name);
          await this.#names.note(domain, before.pendingName ?? undefined);
        },
      });
    return planned;
  }

  /** Last of all: a disk that has grown stays so, whatever fails after it. */
  async #grow(
    domain: Domain,
    { disks = [] }: ReconfigureVm,
    carryOut: (planned: Planned) => Promise<void>,
  ): Promise<void> {
    const grown: string[] = [];
    for (const { device, sizeGiB } of disks) {
      try {
        await carryOut({
          name: `grow ${device} to ${sizeGiB} GiB`,
          native: 'domain_block_resize',
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

  async #before(domain: Domain, { removeNics = [] }: ReconfigureVm): Promise<Before> {
    const xml = await domain.xml({ inactive: true });
    const { name, cpus, maximumCpus, memoryMiB, maximumMemoryMiB, nics } = readDomain(xml);
    const { pendingName } = await this.#machines.liveDefinition(domain);
    const removed: Before['removed'] = [];
    for (const nic of nics.filter(({ mac }) => removeNics.includes(mac))) {
      const { mac, network } = nic;
      const address = (await this.#networks.reservationOf(nic)) ?? null;
      removed.push(...interfaceXml(xml, mac).map((text) => ({ mac, network, xml: text, address })));
    }
    return {
      wasOn: isOn(await this.#machines.state(domain)),
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
      if (current.pendingName !== undefined) await this.#names.note(domain, undefined);
      return current.pendingName !== undefined;
    }
    await this.#names.note(domain, name);
    await this.#names.apply(domain);
    return true;
  }
}
