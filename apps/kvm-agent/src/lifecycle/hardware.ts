import type { Domain } from '@polyvirt/node-libvirt';
import { buildNicXml } from '../domain/domain-xml.ts';
import type { DomainDefinition } from '../domain/domain-reader.ts';
import type { Machines } from '../domain/machines.ts';
import { toProblem } from '../libvirt.problems.ts';
import type { Networks } from '../networks.ts';
import type { StateWaiter } from '../state-waiter.ts';
import { DiskGrowth } from '../storage/disk-growth.ts';
import { GIB, type StoragePool } from '../storage/storage-pool.ts';
import { interfaceXml } from './nic-xml.ts';
import type { NewNic } from './reconfigure-check.ts';

/** How long a guest may take to give memory back before the change is left to the next power-off. */
const GUEST_PATIENCE_MS = 10_000;
/** The same of a device, beyond the 5 s that libvirt itself waits. */
const DEVICE_PATIENCE_MS = 3_000;
const KIB_PER_MIB = 1024;
/** Where QEMU emulates the CPUs, it does not survive that one is taken out (QEMU 7.2). */
const EMULATED = 'qemu';

/** What a change came to; the note says why something waits for the next start. */
export type Change = { changed: boolean; note: string | null };

const done = (changed: boolean): Change => ({ changed, note: null });

/** Changes one thing of a machine: of the definition, and live where libvirt and the guest can. */
export class Hardware {
  readonly #machines: Machines;
  readonly #growth: DiskGrowth;
  readonly #networks: Networks;
  readonly #waiter: StateWaiter;

  constructor(parts: { machines: Machines; storage: StoragePool; networks: Networks; waiter: StateWaiter }) {
    this.#machines = parts.machines;
    this.#growth = new DiskGrowth(parts.storage);
    this.#networks = parts.networks;
    this.#waiter = parts.waiter;
  }

  /** `maximum`: room for so many, where it has to be another than now. */
  async setCpus(domain: Domain, cpus: number, maximum?: number): Promise<Change> {
    const next = await this.#machines.definition(domain);
    const room = maximum ?? Math.max(cpus, next.maximumCpus);
    if (room > next.maximumCpus) await domain.setVcpus(room, { config: true, maximum: true });
    if (next.cpus !== cpus) await domain.setVcpus(cpus, { config: true });
    if (room < next.maximumCpus) await domain.setVcpus(room, { config: true, maximum: true });
    if (!(await domain.isActive())) return done(next.cpus !== cpus);

    const live = await this.#machines.liveDefinition(domain);
    const note = await this.#setLiveCpus(domain, live, cpus);
    const isTaken = (await this.#machines.liveDefinition(domain)).cpus !== live.cpus;
    return { changed: next.cpus !== cpus || isTaken, note };
  }

  /** Answers why the number of CPUs stays until the next start; null when it does not. */
  async #setLiveCpus(domain: Domain, live: DomainDefinition, cpus: number): Promise<string | null> {
    if (cpus === live.cpus) return null;
    if (cpus > live.maximumCpus)
      return `${cpus} CPUs come with the next start: the running VM has room for ${live.maximumCpus}.`;
    if (cpus < live.cpus && live.machine.acceleration === EMULATED)
      return `${cpus} CPUs come with the next start: a CPU that is emulated cannot be taken out of a running VM.`;
    // A guest may refuse to give a CPU back; the definition has it for the next start.
    return attempt(`${cpus} CPUs come with the next start`, domain.setVcpus(cpus, { live: true }));
  }

  /** `maximumMiB`: the ceiling of the balloon, where it has to be another. */
  async setMemory(domain: Domain, memoryMiB: number, signal: AbortSignal, maximumMiB = memoryMiB): Promise<Change> {
    const next = await this.#machines.definition(domain);
    const differs = next.memoryMiB !== memoryMiB || next.maximumMemoryMiB !== maximumMiB;
    if (differs) {
      // What the guest has may never pass its ceiling on the way.
      const steps = [
        () => domain.setMemory(maximumMiB * KIB_PER_MIB, { config: true, maximum: true }),
        () => domain.setMemory(memoryMiB * KIB_PER_MIB, { config: true }),
      ];
      for (const step of maximumMiB > next.maximumMemoryMiB ? steps : steps.reverse()) await step();
    }
    if (!(await domain.isActive())) return done(differs);

    const live = await this.#machines.liveDefinition(domain);
    if (memoryMiB <= live.maximumMemoryMiB && memoryMiB !== live.memoryMiB) {
      await domain.setMemory(memoryMiB * KIB_PER_MIB, { live: true });
      const reached = async () => (await this.#machines.liveDefinition(domain)).memoryMiB === memoryMiB;
      await this.#waiter.until(domain, reached, AbortSignal.any([signal, AbortSignal.timeout(GUEST_PATIENCE_MS)]));
    }
    return done(differs || (await this.#machines.liveDefinition(domain)).memoryMiB !== live.memoryMiB);
  }

  async growDisk(domain: Domain, device: string, sizeGiB: number): Promise<Change> {
    const disk = (await this.#machines.definition(domain)).disks.find((candidate) => candidate.device === device);
    return done(disk !== undefined && (await this.#growth.grow(domain, disk, sizeGiB * GIB)));
  }

  async addNic(domain: Domain, nic: NewNic): Promise<Change> {
    const { network, mac, address } = nic;
    if (address !== 'auto') await this.#networks.reserve(network, mac, address);
    return this.attachNic(domain, mac, buildNicXml(nic));
  }

  /** Looks first whether it is there already. */
  async attachNic(domain: Domain, mac: string, xml: string): Promise<Change> {
    const isIn = ({ nics }: DomainDefinition) => nics.some((nic) => nic.mac === mac);
    if (!isIn(await this.#machines.definition(domain))) await domain.attachDevice(xml, { config: true });
    if (!(await domain.isActive()) || isIn(await this.#machines.liveDefinition(domain))) return done(true);
    // Without a free port it comes with the next start.
    const note = await attempt(
      `The interface ${mac} comes with the next start`,
      domain.attachDevice(xml, { live: true }),
    );
    return { changed: true, note };
  }

  async removeNic(domain: Domain, mac: string, signal: AbortSignal): Promise<Change> {
    const find = ({ nics }: DomainDefinition) => nics.find((nic) => nic.mac === mac);
    const inConfig = find(await this.#machines.definition(domain));
    const [xml] = inConfig ? interfaceXml(await domain.xml({ inactive: true }), mac) : [];
    if (xml !== undefined) await domain.detachDevice(xml, { config: true });
    const note = (await domain.isActive()) ? await this.#unplug(domain, mac, signal) : null;
    if (inConfig) await this.#networks.release([inConfig]);
    return { changed: true, note };
  }

  /** A request to the guest; one that does not listen keeps the interface until the next power-off. */
  async #unplug(domain: Domain, mac: string, signal: AbortSignal): Promise<string | null> {
    const [xml] = interfaceXml(await domain.xml(), mac);
    if (xml === undefined) return null;
    const stays = `The interface ${mac} stays until the next power-off`;
    const refusal = await attempt(stays, domain.detachDevice(xml, { live: true }));
    const gone = async () => !(await this.#machines.liveDefinition(domain)).nics.some((nic) => nic.mac === mac);
    const isGone = await this.#waiter.until(
      domain,
      gone,
      AbortSignal.any([signal, AbortSignal.timeout(refusal === null ? DEVICE_PATIENCE_MS : 0)]),
    );
    return isGone ? null : (refusal ?? `${stays}: the guest does not let go of it.`);
  }
}

/** What libvirt refuses to do live waits for the next start; the answer says so, and why. */
async function attempt(waits: string, live: Promise<void>): Promise<string | null> {
  try {
    await live;
    return null;
  } catch (error) {
    const problem = toProblem(error);
    return `${waits}: ${problem instanceof Error ? problem.message : String(problem)}`;
  }
}
