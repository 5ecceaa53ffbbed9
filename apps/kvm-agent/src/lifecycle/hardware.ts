import type { Domain } from '@polyvirt/node-libvirt';
import { buildNicXml } from '../domain/domain-xml.ts';
import type { DomainDefinition } from '../domain/domain-reader.ts';
import type { Machines } from '../domain/machines.ts';
import type { Networks } from '../networks.ts';
import type { PowerOffWork } from '../power-off-work.ts';
import type { StateWaiter } from '../state-waiter.ts';
import { DiskGrowth } from '../storage/disk-growth.ts';
import { GIB, type StoragePool } from '../storage/storage-pool.ts';
import { attempt, done, type Change } from './change.ts';
import { interfaceXml } from './nic-xml.ts';
import type { NewNic } from './reconfigure-check.ts';
import type { Unplugging } from './unplugging.ts';

/** How long a guest may take to give memory back before the change is left to the next power-off. */
const GUEST_PATIENCE_MS = 10_000;
const KIB_PER_MIB = 1024;
/** Where QEMU emulates the CPUs, it does not survive that one is taken out (QEMU 7.2). */
export const EMULATED = 'qemu';

/** Changes one thing of a machine: of the definition, and live where libvirt and the guest can. */
export class Hardware {
  readonly #machines: Machines;
  readonly #growth: DiskGrowth;
  readonly #networks: Networks;
  readonly #powerOffWork: PowerOffWork;
  readonly #waiter: StateWaiter;
  readonly #unplugging: Unplugging;

  constructor(parts: {
    unplugging: Unplugging;
    machines: Machines;
    storage: StoragePool;
    networks: Networks;
    powerOffWork: PowerOffWork;
    waiter: StateWaiter;
  }) {
    this.#unplugging = parts.unplugging;
    this.#powerOffWork = parts.powerOffWork;
    this.#machines = parts.machines;
    this.#growth = new DiskGrowth(parts.storage);
    this.#networks = parts.networks;
    this.#waiter = parts.waiter;
  }

  /** `maximum`: room for so many, where it has to be another than now. */
  async setCpus(domain: Domain, cpus: number, waits: string | null, maximum?: number): Promise<Change> {
    const next = await this.#machines.definition(domain);
    const room = maximum ?? Math.max(cpus, next.maximumCpus);
    if (room > next.maximumCpus) await domain.setVcpus(room, { config: true, maximum: true });
    if (next.cpus !== cpus) await domain.setVcpus(cpus, { config: true });
    if (room < next.maximumCpus) await domain.setVcpus(room, { config: true, maximum: true });
    if (waits !== null || !(await domain.isActive())) return { changed: next.cpus !== cpus, note: waits };

    const live = await this.#machines.liveDefinition(domain);
    if (cpus === live.cpus) return done(next.cpus !== cpus);
    // A guest may refuse to give a CPU back; the definition has it for the next start.
    const note = await attempt(`${cpus} CPUs come with the next start`, domain.setVcpus(cpus, { live: true }));
    const isTaken = (await this.#machines.liveDefinition(domain)).cpus !== live.cpus;
    return { changed: next.cpus !== cpus || isTaken, note };
  }

  /** What a machine had before. On the way back an emulated CPU that was added stays until the next start. */
  async resetCpus(domain: Domain, before: { cpus: number; maximumCpus: number }): Promise<void> {
    const isOn = await domain.isActive();
    const { cpus, machine } = await this.#machines.liveDefinition(domain);
    const stays = isOn && before.cpus < cpus && machine.acceleration === EMULATED;
    await this.setCpus(domain, before.cpus, stays ? 'An emulated CPU stays.' : null, before.maximumCpus);
  }

  /** `maximumMiB`: the ceiling of the balloon, where it has to be another. The guest is told also when nobody waits for it. */
  async setMemory(
    domain: Domain,
    memoryMiB: number,
    waits: string | null,
    { signal, maximumMiB }: { signal: AbortSignal; maximumMiB?: number },
  ): Promise<Change> {
    const next = await this.#machines.definition(domain);
    const isOtherCeiling = maximumMiB !== undefined && next.maximumMemoryMiB !== maximumMiB;
    const differs = next.memoryMiB !== memoryMiB || isOtherCeiling;
    const ceiling = maximumMiB ?? memoryMiB;
    if (differs) {
      // What the guest has may never pass its ceiling on the way.
      const steps = [
        () => domain.setMemory(ceiling * KIB_PER_MIB, { config: true, maximum: true }),
        () => domain.setMemory(memoryMiB * KIB_PER_MIB, { config: true }),
      ];
      for (const step of ceiling > next.maximumMemoryMiB ? steps : steps.reverse()) await step();
    }
    if (!(await domain.isActive())) return { changed: differs, note: waits };

    const live = await this.#machines.liveDefinition(domain);
    const isOn = this.#machines.isOn(domain);
    if (memoryMiB <= live.maximumMemoryMiB && memoryMiB !== live.memoryMiB && (await isOn)) {
      await domain.setMemory(memoryMiB * KIB_PER_MIB, { live: true });
      const reached = async () => (await this.#machines.liveDefinition(domain)).memoryMiB === memoryMiB;
      const patience = waits === null ? GUEST_PATIENCE_MS : 0;
      await this.#waiter.until(domain, reached, AbortSignal.any([signal, AbortSignal.timeout(patience)]));
    }
    return {
      changed: differs || (await this.#machines.liveDefinition(domain)).memoryMiB !== live.memoryMiB,
      note: waits,
    };
  }

  async growDisk(domain: Domain, device: string, sizeGiB: number): Promise<Change> {
    const disk = (await this.#machines.liveDefinition(domain)).disks.find((candidate) => candidate.device === device);
    return done(disk !== undefined && (await this.#growth.grow(domain, disk, sizeGiB * GIB)));
  }

  async addNic(domain: Domain, nic: NewNic, waits: string | null): Promise<Change> {
    const { network, mac, address } = nic;
    if (address !== 'auto') await this.#networks.reserve(network, mac, address);
    return this.attachNic(domain, mac, buildNicXml(nic), waits);
  }

  /** Looks first whether it is there already. */
  async attachNic(domain: Domain, mac: string, xml: string, waits: string | null): Promise<Change> {
    const isIn = ({ nics }: DomainDefinition) => nics.some((one) => one.mac === mac);
    if (!isIn(await this.#machines.definition(domain))) await domain.attachDevice(xml, { config: true });
    if (waits !== null || !(await domain.isActive()) || isIn(await this.#machines.liveDefinition(domain)))
      return { changed: true, note: waits };
    const note = await attempt(
      `The interface ${mac} comes with the next start`,
      domain.attachDevice(xml, { live: true }),
    );
    return { changed: true, note };
  }

  /** What is kept for it on its network is given up when it is gone, which may be at the power-off. */
  async removeNic(domain: Domain, mac: string, waits: string | null, signal: AbortSignal): Promise<Change> {
    const find = ({ nics }: DomainDefinition) => nics.find((nic) => nic.mac === mac);
    const inConfig = find(await this.#machines.definition(domain));
    const isActive = await domain.isActive();
    const live = isActive ? find(await this.#machines.liveDefinition(domain)) : undefined;
    const nic = inConfig ?? live;
    if (!nic) return done(false);
    if (live) await this.#powerOffWork.noteLeaving(domain, nic, true);
    const [xml] = inConfig ? interfaceXml(await domain.xml({ inactive: true }), mac) : [];
    if (xml !== undefined) await domain.detachDevice(xml, { config: true });
    const note =
      live && (await this.#machines.isOn(domain))
        ? await this.#unplugging.unplug(domain, {
            what: `The interface ${mac}`,
            xml: interfaceXml(await domain.xml(), mac)[0],
            isThere: (definition) => find(definition) !== undefined,
            waits,
            signal,
          })
        : waits;
    const isGone = !isActive || !find(await this.#machines.liveDefinition(domain));
    if (isGone) {
      await this.#networks.release([nic]);
      if (live) await this.#powerOffWork.noteLeaving(domain, nic, false);
    }
    return { changed: inConfig !== undefined || isGone, note };
  }
}
