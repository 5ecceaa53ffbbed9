import {
  ProblemError,
  requireFits,
  requireNics,
  type Capacity,
  type HostLimits,
  type Nic,
  type NicInput,
} from '@polyvirt/contracts';
import type { Machine } from '../inventory/identity.ts';
import type { Machines } from '../inventory/machines.ts';
import { readPending } from '../inventory/pending-changes.ts';
import { orUnreadable } from '../inventory/unreadable.ts';
import type { Networks } from '../network/networks.ts';
import { nicsOf } from '../vmx/hardware-reader.ts';
import { MOST_NICS } from '../vmx/hardware-writer.ts';

/** What Workstation runs at most, and the addresses that it takes for adapters whose address is given. */
export const limits: HostLimits = {
  cpusPerVm: 32,
  memoryMiBPerVm: 131_072,
  macRanges: [{ from: '00:50:56:00:00:00', to: '00:50:56:3f:ff:ff' }],
};

/** Refuses hardware that cannot be had here, before anything is done. */
export class HardwareRules {
  readonly #machines: Machines;
  readonly #networks: Networks;
  readonly #capacity: () => Capacity;

  constructor(parts: { machines: Machines; networks: Networks; capacity: () => Capacity }) {
    this.#machines = parts.machines;
    this.#networks = parts.networks;
    this.#capacity = parts.capacity;
  }

  /** Throws `insufficient-capacity`. */
  requireFits(size: { cpus?: number | undefined; memoryMiB?: number | undefined }): void {
    requireFits(size, { limits, capacity: this.#capacity() });
  }

  /**
   * Throws `network-not-found`, or `invalid-input` for an address or a MAC address that cannot be had. `stays` are the
   * interfaces that the machine itself keeps. Answers the names of the networks.
   */
  async requireNics(
    nics: readonly NicInput[],
    at: '/nics' | '/addNics' | '/changeNics',
    own: Machine,
    stays: { readonly name: string; readonly nics: readonly Nic[] } | undefined,
  ): Promise<string[]> {
    const resolved: NicInput[] = [];
    for (const nic of nics) resolved.push({ ...nic, network: await this.#networks.require(nic.network) });
    const others = [...(await this.#others(own)), ...(stays ? [stays] : [])];
    const networks = await this.#networks.list();
    // An interface that is changed has the MAC address that it has.
    if (at !== '/changeNics') requireNics(resolved, at, { networks, macRanges: limits.macRanges, others });
    for (const [index, { network, address }] of resolved.entries())
      if (address !== 'auto')
        throw new ProblemError(
          'invalid-input',
          `The DHCP server of ${network} reserves no address from here. Use "auto", or say ${address} in cloudInit.networkConfig.`,
          { errors: [{ pointer: `${at}/${index}/address`, detail: 'Only "auto".' }] },
        );
    return resolved.map(({ network }) => network);
  }

  /** Interfaces of all other machines, those that wait for a power-off included. */
  async #others(own: Machine): Promise<{ name: string; nics: Nic[] }[]> {
    const others: { name: string; nics: Nic[] }[] = [];
    for (const machine of await this.#machines.all()) {
      if (machine.nativeId === own.nativeId) continue;
      const vmx = await orUnreadable(this.#machines.configuration(machine));
      const pending = await orUnreadable(readPending(machine.vmx));
      const nics = [...(vmx ? nicsOf(vmx) : []), ...(pending?.addNics ?? [])];
      const name = (await orUnreadable(this.#machines.nameOf(machine))) ?? machine.vmx;
      others.push({ name, nics: nics.map(({ mac, network }) => ({ mac, network, addresses: [] })) });
    }
    return others;
  }
}

const MEMORY_STEP_MIB = 4;

export function demandMemory(memoryMiB: number): void {
  if (memoryMiB % MEMORY_STEP_MIB === 0) return;
  const below = Math.floor(memoryMiB / MEMORY_STEP_MIB) * MEMORY_STEP_MIB;
  const would = below > 0 ? `${below} or ${below + MEMORY_STEP_MIB}` : `${MEMORY_STEP_MIB}`;
  const detail = `Workstation gives memory in steps of ${MEMORY_STEP_MIB} MiB, and ${memoryMiB} MiB is between two: take ${would} MiB.`;
  throw new ProblemError('invalid-input', detail, { errors: [{ pointer: '/memoryMiB', detail }] });
}

export function demandNics(nics: readonly NicInput[] = []): void {
  if (nics.length <= MOST_NICS) return;
  throw new ProblemError('invalid-input', `A VM has at most ${MOST_NICS} network interfaces.`, {
    errors: [{ pointer: '/nics', detail: `At most ${MOST_NICS}.` }],
  });
}
