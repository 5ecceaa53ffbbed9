import { ProblemError, requireAtRest, requireFits, type HardwareChange } from '@polyvirt/contracts';
import { allow, derivedMac, gibOf } from '@polyvirt/hypervisor';
import type { Domain, Libvirt } from '@polyvirt/node-libvirt';
import { isDisk, type DomainDefinition } from '../domain/domain-reader.ts';
import type { Machines } from '../domain/machines.ts';
import { refuseTakenName } from '../domain/names.ts';
import type { HostLimits } from '../host-limits.ts';
import type { Networks } from '../networks.ts';
import { DiskGrowth } from '../storage/disk-growth.ts';
import type { ImageLibrary } from '../storage/image-library.ts';
import { GIB, type StoragePool } from '../storage/storage-pool.ts';
import { refuseTransient } from '../transient.ts';
import type { DiskChanges, DiskDecision } from './disk-changes.ts';

/** An interface as it is going to be. */
export interface NewNic {
  readonly network: string;
  readonly mac: string;
  readonly address: string;
}

/** The interfaces to add; one without a MAC address gets that of its owner, the operation. */
export const newNics = ({ addNics = [] }: HardwareChange, owner: string): NewNic[] =>
  addNics.map(({ network, mac, address }, index) => ({ network, address, mac: mac ?? derivedMac(owner, index) }));

/** Everything that can be found out before anything is changed. */
export class ReconfigureCheck {
  readonly #libvirt: Libvirt;
  readonly #machines: Machines;
  readonly #networks: Networks;
  readonly #limits: HostLimits;
  readonly #growth: DiskGrowth;
  readonly #images: ImageLibrary;
  readonly #disks: DiskChanges;

  constructor(parts: {
    libvirt: Libvirt;
    machines: Machines;
    networks: Networks;
    limits: HostLimits;
    storage: StoragePool;
    images: ImageLibrary;
    disks: DiskChanges;
  }) {
    this.#libvirt = parts.libvirt;
    this.#machines = parts.machines;
    this.#networks = parts.networks;
    this.#limits = parts.limits;
    this.#growth = new DiskGrowth(parts.storage);
    this.#images = parts.images;
    this.#disks = parts.disks;
  }

  /**
   * Throws what would make one of the changes fail, and answers what becomes of the disks. Devices are those that the machine
   * shows: of one that is on, the present.
   */
  async run(domain: Domain, input: HardwareChange, owner: string): Promise<DiskDecision> {
    const state = await this.#machines.state(domain);
    allow('reconfigure', state);
    await refuseTransient(domain, 'change');
    const [present, definition] = await Promise.all([
      this.#machines.liveDefinition(domain),
      this.#machines.definition(domain),
    ]);
    const { name, template } = definition;
    requireAtRest({ name, state, template, autostart: await domain.autostart() }, input);
    await this.#checkDisks(domain, present, input.disks ?? []);
    this.#checkRemoval(present, definition, input.removeNics ?? []);
    if (input.name !== undefined) await refuseTakenName(this.#libvirt, input.name, domain.uuid);
    await this.#checkCpus(definition, input.cpus);
    await this.#checkMemory(definition, input.memoryMiB);
    await this.#checkAdding(
      domain,
      { name: definition.name, nics: [...definition.nics, ...present.nics] },
      input,
      owner,
    );
    await this.#checkNicChanges(domain, present, input.changeNics ?? []);
    if (typeof input.cdrom === 'string') await this.#images.require(input.cdrom, 'iso', '/cdrom');
    return this.#disks.decide(domain, input, owner);
  }

  async #checkNicChanges(
    domain: Domain,
    { name, nics }: DomainDefinition,
    changes: NonNullable<HardwareChange['changeNics']>,
  ): Promise<void> {
    this.#checkInterfaces(
      nics,
      changes.map(({ mac }, index) => ({ mac, pointer: `/changeNics/${index}/mac` })),
    );
    const macs = changes.map(({ mac }) => mac);
    const asked = changes.map(({ mac, network, address = 'auto' }) => ({
      mac,
      address,
      network: network ?? nics.find((nic) => nic.mac === mac)!.network,
    }));
    const isMoved = (_: unknown, index: number) =>
      changes[index]!.network !== undefined || asked[index]!.address !== 'auto';
    const keeps = nics
      .filter(({ mac }) => !macs.includes(mac))
      .map(({ mac, network }) => ({ mac, network, addresses: [] }));
    await this.#networks.check(asked.filter(isMoved), '/changeNics', {
      nativeId: domain.uuid,
      keeps: { name, nics: keeps },
    });
  }

  async #checkCpus({ machine, cpus: now, maximumCpus, topology }: DomainDefinition, cpus?: number): Promise<void> {
    if (cpus === undefined || cpus === now) return;
    if (cpus > now) requireFits({ cpus }, { limits: await this.#limits.of(machine), capacity: {} });
    if (cpus <= maximumCpus || !topology) return;
    const { sockets, dies, cores, threads } = topology;
    const parts = [
      counted(sockets, 'socket'),
      counted(dies, 'die'),
      counted(cores, 'core'),
      counted(threads, 'thread'),
    ];
    const detail = `The VM has room for ${maximumCpus} CPUs: its topology is ${parts.join(' × ')}. For more, change the topology with virsh edit.`;
    throw new ProblemError('invalid-input', detail, { errors: [{ pointer: '/cpus', detail }] });
  }

  async #checkMemory(definition: DomainDefinition, memoryMiB?: number): Promise<void> {
    const { machine, memoryMiB: now, maximumMemoryMiB, numaCellsMiB, name } = definition;
    if (memoryMiB === undefined || (memoryMiB === now && memoryMiB === maximumMemoryMiB)) return;
    if (numaCellsMiB.length > 0)
      throw new ProblemError(
        'host-rejected',
        `The memory of "${name}" is divided among ${numaCellsMiB.length} NUMA cells (${numaCellsMiB.join(' + ')} MiB), and libvirt cannot change the sum. Change the cells with virsh edit; the VM takes them over at its next start.`,
      );
    if (memoryMiB > maximumMemoryMiB)
      requireFits({ memoryMiB }, { limits: await this.#limits.of(machine), capacity: {} });
  }

  async #checkDisks(
    domain: Domain,
    definition: DomainDefinition,
    growths: NonNullable<HardwareChange['disks']>,
  ): Promise<void> {
    const disks = definition.disks.filter(isDisk);
    for (const [index, { device, sizeGiB }] of growths.entries()) {
      const disk = disks.find((candidate) => candidate.device === device);
      if (!disk)
        throw new ProblemError(
          'device-not-found',
          `There is no disk ${device}. ${disks.length > 0 ? `There is: ${disks.map((one) => one.device).join(', ')}.` : 'There is none.'}`,
          { errors: [{ pointer: `/disks/${index}/device`, detail: 'Not there.' }] },
        );
      const bytes = await this.#growth.bytesOf(domain, disk);
      if (bytes !== undefined && sizeGiB * GIB < bytes)
        throw new ProblemError('invalid-input', `The disk ${device} has ${gibOf(bytes)} GiB, and a disk only grows.`, {
          errors: [{ pointer: `/disks/${index}/sizeGiB`, detail: `At least ${Math.ceil(bytes / GIB)}.` }],
        });
      if (bytes === undefined || sizeGiB * GIB > bytes) await this.#growth.requireGrowable(domain, disk);
    }
  }

  /** One that comes with the next start is in the definition only. */
  #checkRemoval(present: DomainDefinition, definition: DomainDefinition, macs: readonly string[]): void {
    for (const [index, mac] of macs.entries()) {
      const isPresent = present.nics.some((nic) => nic.mac === mac);
      this.#checkInterfaces((isPresent ? present : definition).nics, [{ mac, pointer: `/removeNics/${index}` }]);
    }
  }

  #checkInterfaces(nics: DomainDefinition['nics'], named: readonly { mac: string; pointer: string }[]): void {
    for (const { mac, pointer } of named) {
      const found = nics.filter((nic) => nic.mac === mac).length;
      if (found === 0)
        throw new ProblemError('device-not-found', `There is no interface with the MAC address ${mac}.`, {
          errors: [{ pointer, detail: 'Not there.' }],
        });
      if (found > 1)
        throw new ProblemError(
          'invalid-input',
          `${found} interfaces have the MAC address ${mac}, so that it does not say which one is meant. Give them different addresses with virsh edit.`,
          { errors: [{ pointer, detail: `${found} interfaces have it.` }] },
        );
    }
  }

  async #checkAdding(
    domain: Domain,
    { name, nics }: Pick<DomainDefinition, 'name' | 'nics'>,
    input: HardwareChange,
    owner: string,
  ): Promise<void> {
    const removed = new Set(input.removeNics);
    const keeps = nics
      .filter(({ mac }) => !removed.has(mac))
      .map(({ mac, network }) => ({ mac, network, addresses: [] }));
    await this.#networks.check(newNics(input, owner), '/addNics', {
      nativeId: domain.uuid,
      keeps: { name, nics: keeps },
    });
  }
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
