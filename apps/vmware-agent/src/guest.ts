import type { Guest, NativeId } from '@polyvirt/contracts';
import { guestAddresses, type GuestFacet } from '@polyvirt/hypervisor';
import type { Machine } from './inventory/identity.ts';
import type { Machines } from './inventory/machines.ts';
import type { Leases } from './network/leases.ts';
import { parseToolsState } from './vmrun/output.ts';
import { CallDeadlineError, VmwareError } from './vmrun/vmrun.problems.ts';
import type { Vmrun } from './vmrun/vmrun.ts';
import { nicsOf } from './vmx/hardware-reader.ts';

/** What the guest says through VMware Tools, and the addresses that the virtual networks gave it. */
export class GuestTools implements GuestFacet {
  readonly #vmrun: Vmrun;
  readonly #machines: Machines;
  readonly #leases: Leases;

  constructor(vmrun: Vmrun, machines: Machines, leases: Leases) {
    this.#vmrun = vmrun;
    this.#machines = machines;
    this.#leases = leases;
  }

  async read(nativeId: NativeId, signal: AbortSignal): Promise<Guest & { addresses: string[] }> {
    const { guest, nics } = await this.#machines.get(nativeId);
    const machine = await this.#machines.demand(nativeId);
    if ((await this.#machines.state(machine)) !== 'running') return { ...guest, agent: false, addresses: [] };
    const [state, address] = await Promise.all([
      this.#ask(['checkToolsState', machine.vmx], signal),
      this.askAddress(machine, signal),
    ]);
    const leased = nics.flatMap(({ addresses }) => addresses);
    return {
      ...guest,
      // A headless guest's Tools are `installed` on some builds although they answer.
      agent: address !== undefined || (state !== undefined && parseToolsState(state) === 'running'),
      addresses: [...new Set([...leased, ...(address === undefined ? [] : [address])])],
    };
  }

  /** The address that Tools report, which is kept for the records; undefined while they do not. */
  async askAddress(machine: Machine, signal: AbortSignal): Promise<string | undefined> {
    // Never `-wait`: it waits for ever.
    const told = (await this.#ask(['getGuestIPAddress', machine.vmx], signal))?.at(-1);
    const [address] = guestAddresses(told === undefined ? [] : [told]);
    if (address === undefined || !isUsable(address)) return undefined;
    this.#leases.noteTold(machine.nativeId, address);
    return address;
  }

  /** Whether the addresses of a running machine's adapters are still to come. */
  async lacksAddress(machine: Machine): Promise<boolean> {
    const macs = nicsOf(await this.#machines.configuration(machine)).map(({ mac = '' }) => mac);
    const found = this.#leases.addressesOf(machine.nativeId, macs);
    return macs.length > 0 && found.every((addresses) => addresses.length === 0);
  }

  /** A guest that does not answer is no error. */
  async #ask(args: readonly string[], signal: AbortSignal): Promise<string[] | undefined> {
    try {
      return await this.#vmrun.look(args, signal);
    } catch (error) {
      if (error instanceof VmwareError || error instanceof CallDeadlineError) return undefined;
      throw error;
    }
  }
}

/** Not the host's own end of a virtual network, which Tools report with containers. */
const isUsable = (address: string): boolean => !/^\d+\.\d+\.\d+\.1$/.test(address);
