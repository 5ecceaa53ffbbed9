import type { HostLimits as Limits } from '@polyvirt/contracts';
import type { Libvirt } from '@polyvirt/node-libvirt';
import type { Accelerator } from './acceleration.ts';
import type { MachineType } from './domain/domain-reader.ts';
import { orRefused } from './domain/unreadable.ts';
import { NEW_MACHINE } from './domain/domain-xml.ts';
import { attribute, child, parseXml } from './xml.ts';

const KIB_PER_MIB = 1024;

/** What no machine of the host can exceed: by its type, and by the memory that the host has. */
export class HostLimits {
  readonly #libvirt: Libvirt;
  readonly #accelerator: Accelerator;
  readonly #mostCpus = new Map<string, number>();

  constructor(libvirt: Libvirt, accelerator: Accelerator) {
    this.#libvirt = libvirt;
    this.#accelerator = accelerator;
  }

  /** Of new machines. */
  async read(): Promise<Limits> {
    const acceleration = await this.#accelerator.acceleration();
    return this.of({ ...NEW_MACHINE, acceleration, emulator: undefined });
  }

  /** Of a machine that is there, which another tool may have made of another type. */
  async of(machine: MachineType): Promise<Limits> {
    const [cpusPerVm, { totalKiB }] = await Promise.all([this.#cpusOf(machine), this.#libvirt.host.memory()]);
    return {
      ...(cpusPerVm === undefined ? {} : { cpusPerVm }),
      cpusBeyondHost: true,
      ...(totalKiB > 0 ? { memoryMiBPerVm: Math.floor(totalKiB / KIB_PER_MIB) } : {}),
    };
  }

  /** Undefined when libvirt does not know the type, as its emulator is not installed. */
  async #cpusOf({ acceleration, arch, type, emulator }: MachineType): Promise<number | undefined> {
    const key = JSON.stringify([acceleration, arch, type, emulator]);
    const known = this.#mostCpus.get(key);
    if (known !== undefined) return known;
    const xml = await orRefused(
      this.#libvirt.host.domainCapabilities({
        type: acceleration,
        ...(arch === undefined ? {} : { arch }),
        ...(type === undefined ? {} : { machine: type }),
        ...(emulator === undefined ? {} : { emulator }),
      }),
    );
    const most = xml === undefined ? undefined : readMostCpus(xml);
    if (most !== undefined) this.#mostCpus.set(key, most);
    return most;
  }
}

/** From `<domainCapabilities>`: how many CPUs a machine type has room for. */
export function readMostCpus(xml: string): number | undefined {
  const most = Number(attribute(child(child(parseXml(xml), 'domainCapabilities'), 'vcpu'), 'max'));
  return Number.isInteger(most) && most > 0 ? most : undefined;
}
