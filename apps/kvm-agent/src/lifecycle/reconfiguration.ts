import { ProblemError, type NativeId, type ReconfigureVm } from '@polyvirt/contracts';
import {
  allow,
  derivedMac,
  type OperationContext,
  type ReconfigureFacet,
  type Reconfigured,
} from '@polyvirt/hypervisor';
import type { Domain, Libvirt } from '@polyvirt/node-libvirt';
import { buildNicXml } from '../domain/domain-xml.ts';
import { isDisk, pendingChanges, readDomain } from '../domain/domain-reader.ts';
import type { Machines } from '../domain/machines.ts';
import type { Networks } from '../networks.ts';
import type { PendingNames } from '../pending-names.ts';
import { DiskGrowth } from '../storage/disk-growth.ts';
import { GIB, orUndefined, type StoragePool } from '../storage/storage-pool.ts';
import type { StateWaiter } from '../state-waiter.ts';

/** How long a guest may take to give a device or memory back before the change is left to the next power-off. */
const GUEST_PATIENCE_MS = 10_000;
const KIB_PER_MIB = 1024;

/** Changes hardware, live where libvirt and the guest can. */
export class Reconfiguration implements ReconfigureFacet {
  readonly #libvirt: Libvirt;
  readonly #machines: Machines;
  readonly #growth: DiskGrowth;
  readonly #networks: Networks;
  readonly #names: PendingNames;
  readonly #waiter: StateWaiter;

  constructor(parts: {
    libvirt: Libvirt;
    machines: Machines;
    storage: StoragePool;
    networks: Networks;
    names: PendingNames;
    waiter: StateWaiter;
  }) {
    this.#libvirt = parts.libvirt;
    this.#machines = parts.machines;
    this.#growth = new DiskGrowth(parts.storage);
    this.#networks = parts.networks;
    this.#names = parts.names;
    this.#waiter = parts.waiter;
  }

  async apply(nativeId: NativeId, input: ReconfigureVm, context: OperationContext): Promise<Reconfigured> {
    const { journal } = context;
    const domain = await this.#machines.domain(nativeId);
    allow('reconfigure', await this.#machines.state(domain));
    // All of the input is checked before any of it is done, so that bad input changes nothing.
    await journal.step({
      name: 'check the changes',
      native: 'domain_get_xml_desc',
      act: () => this.#check(domain, input, context),
    });

    let changed = false;
    const change = async (name: string, native: string, act: () => Promise<boolean>) => {
      changed = (await journal.step({ name, native, act })) || changed;
    };
    const { name, cpus, memoryMiB, disks, addNics, removeNics } = input;
    if (cpus !== undefined)
      await change(`set ${cpus} CPUs`, 'domain_set_vcpus_flags', () => this.#setCpus(domain, cpus));
    if (memoryMiB !== undefined)
      await change(`set ${memoryMiB} MiB of memory`, 'domain_set_memory_flags', () =>
        this.#setMemory(domain, memoryMiB, context.signal),
      );
    for (const { device, sizeGiB } of disks ?? [])
      await change(`grow ${device} to ${sizeGiB} GiB`, 'domain_block_resize', () =>
        this.#growDisk(domain, device, sizeGiB),
      );
    for (const mac of removeNics ?? [])
      await change(`remove the interface ${mac}`, 'domain_detach_device_flags', () =>
        this.#removeNic(domain, mac, context.signal),
      );
    for (const [index, nic] of (addNics ?? []).entries()) {
      const mac = nic.mac ?? derivedMac(context.operationId, index);
      await change(`add the interface ${mac}`, 'domain_attach_device_flags', () =>
        this.#addNic(domain, { ...nic, mac }),
      );
    }
    if (name !== undefined) await change('rename', 'domain_rename', () => this.#rename(domain, name));

    return { effect: changed ? 'changed' : 'unchanged', pendingChanges: await this.#pending(domain) };
  }

  async #pending(domain: Domain): Promise<string[]> {
    if (!(await domain.isActive())) return [];
    return pendingChanges(await this.#machines.liveDefinition(domain), await this.#machines.definition(domain));
  }

  async #check(domain: Domain, input: ReconfigureVm, { operationId }: OperationContext): Promise<void> {
    const definition = await this.#machines.definition(domain);
    if (input.name !== undefined) {
      const namesake = await orUndefined(this.#libvirt.domains.getByName(input.name));
      if (namesake && namesake.uuid !== domain.uuid)
        throw new ProblemError('name-taken', `A VM called "${input.name}" is already on this host: ${namesake.uuid}.`);
    }
    for (const [index, { device, sizeGiB }] of (input.disks ?? []).entries()) {
      if (!definition.disks.some((disk) => isDisk(disk) && disk.device === device)) {
        const devices = definition.disks.filter(isDisk).map((disk) => disk.device);
        throw new ProblemError(
          'device-not-found',
          `There is no disk ${device}. ${devices.length > 0 ? `There is: ${devices.join(', ')}.` : 'There is none.'}`,
        );
      }
      const { capacityBytes } = await domain.blockInfo(device);
      if (sizeGiB * GIB < capacityBytes) {
        throw new ProblemError(
          'invalid-input',
          `The disk ${device} has ${capacityBytes / GIB} GiB, and a disk only grows.`,
          {
            errors: [{ pointer: `/disks/${index}/sizeGiB`, detail: `At least ${Math.ceil(capacityBytes / GIB)}.` }],
          },
        );
      }
    }
    const own = (input.addNics ?? []).map((nic, index) => nic.mac ?? derivedMac(operationId, index));
    const macs = new Set(definition.nics.map(({ mac }) => mac));
    for (const [index, mac] of (input.removeNics ?? []).entries()) {
      if (!macs.has(mac))
        throw new ProblemError('device-not-found', `There is no interface with the MAC address ${mac}.`, {
          errors: [{ pointer: `/removeNics/${index}`, detail: 'Not there.' }],
        });
    }
    for (const [index, { network, address }] of (input.addNics ?? []).entries()) {
      await this.#networks.demand(network, address);
      if (input.addNics?.[index]?.mac !== undefined && macs.has(own[index]!))
        throw new ProblemError('invalid-input', `The machine already has an interface ${own[index]}.`, {
          errors: [{ pointer: `/addNics/${index}/mac`, detail: 'In use.' }],
        });
    }
  }

  async #setCpus(domain: Domain, cpus: number): Promise<boolean> {
    const next = await this.#machines.definition(domain);
    if (cpus > next.maximumCpus) await domain.setVcpus(cpus, { config: true, maximum: true });
    if (next.cpus !== cpus) await domain.setVcpus(cpus, { config: true });
    if (!(await domain.isActive())) return next.cpus !== cpus;

    const live = await this.#machines.liveDefinition(domain);
    // A guest may refuse to give a CPU back; the definition has it for the next start.
    if (cpus !== live.cpus && cpus <= live.maximumCpus)
      await domain.setVcpus(cpus, { live: true }).catch(() => undefined);
    return next.cpus !== cpus || (await this.#machines.liveDefinition(domain)).cpus !== live.cpus;
  }

  async #setMemory(domain: Domain, memoryMiB: number, signal: AbortSignal): Promise<boolean> {
    const next = await this.#machines.definition(domain);
    const differs = next.memoryMiB !== memoryMiB || next.maximumMemoryMiB !== memoryMiB;
    const kib = memoryMiB * KIB_PER_MIB;
    if (differs) {
      // What the guest has may never pass its ceiling on the way.
      const steps = [
        () => domain.setMemory(kib, { config: true, maximum: true }),
        () => domain.setMemory(kib, { config: true }),
      ];
      for (const step of memoryMiB > next.maximumMemoryMiB ? steps : steps.reverse()) await step();
    }
    if (!(await domain.isActive())) return differs;

    const live = await this.#machines.liveDefinition(domain);
    if (memoryMiB <= live.maximumMemoryMiB && memoryMiB !== live.memoryMiB) {
      await domain.setMemory(kib, { live: true });
      const reached = async () => (await this.#machines.liveDefinition(domain)).memoryMiB === memoryMiB;
      await this.#waiter.until(domain, reached, AbortSignal.any([signal, AbortSignal.timeout(GUEST_PATIENCE_MS)]));
    }
    return differs || (await this.#machines.liveDefinition(domain)).memoryMiB !== live.memoryMiB;
  }

  async #growDisk(domain: Domain, device: string, sizeGiB: number): Promise<boolean> {
    const disk = (await this.#machines.definition(domain)).disks.find((candidate) => candidate.device === device);
    return disk !== undefined && this.#growth.grow(domain, disk, sizeGiB * GIB);
  }

  async #addNic(
    domain: Domain,
    { network, mac, address }: { network: string; mac: string; address: string },
  ): Promise<boolean> {
    if (address !== 'auto') await this.#networks.reserve(network, mac, address);
    const xml = buildNicXml({ network, mac });
    const inConfig = (await this.#machines.definition(domain)).nics.some((nic) => nic.mac === mac);
    if (!inConfig) await domain.attachDevice(xml, { config: true });
    if (await domain.isActive()) {
      const isLive = (await this.#machines.liveDefinition(domain)).nics.some((nic) => nic.mac === mac);
      // Without a free port it comes with the next start.
      if (!isLive) await domain.attachDevice(xml, { live: true }).catch(() => undefined);
    }
    return true;
  }

  async #removeNic(domain: Domain, mac: string, signal: AbortSignal): Promise<boolean> {
    const nic = (definition: ReturnType<typeof readDomain>) =>
      definition.nics.find((candidate) => candidate.mac === mac);
    const inConfig = nic(await this.#machines.definition(domain));
    if (inConfig) await domain.detachDevice(buildNicXml(inConfig), { config: true });
    if (await domain.isActive()) {
      const live = nic(await this.#machines.liveDefinition(domain));
      if (live) {
        // A request to the guest; one that does not listen keeps the interface until the next power-off.
        await domain.detachDevice(buildNicXml(live), { live: true }).catch(() => undefined);
        await this.#waiter.until(
          domain,
          async () => nic(await this.#machines.liveDefinition(domain)) === undefined,
          AbortSignal.any([signal, AbortSignal.timeout(GUEST_PATIENCE_MS)]),
        );
      }
    }
    if (inConfig) await this.#networks.release([inConfig]);
    return true;
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
