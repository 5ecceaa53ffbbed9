import { ProblemError, type Network } from '@polyvirt/contracts';
import { networkFacts, type NetworkFacet } from '@polyvirt/hypervisor';
import { parseHostNetworks, type HostNetwork } from '../vmrun/output.ts';
import { VmwareError } from '../vmrun/vmrun.problems.ts';
import type { Vmrun } from '../vmrun/vmrun.ts';
import { bridgedNetwork, hostOnlyNetwork, natNetwork } from '../vmx/hardware-reader.ts';

/** Networks come and go by the hand of an administrator. */
const BELIEVED_MS = 30_000;

/** What every installation has, for a vmrun that cannot list them. */
const usual: readonly HostNetwork[] = [
  { name: bridgedNetwork, type: 'bridged', dhcp: false },
  { name: hostOnlyNetwork, type: 'hostOnly', dhcp: true },
  { name: natNetwork, type: 'nat', dhcp: true },
];

/** Names that people use for the three networks of every installation. `default` is what other hypervisors have. */
const types: Readonly<Record<string, string>> = {
  default: 'nat',
  nat: 'nat',
  bridged: 'bridged',
  hostonly: 'hostonly',
};

/** The virtual networks of the host: vmnet0, vmnet1 and so on. */
export class Networks implements NetworkFacet {
  readonly #vmrun: Vmrun;
  #known: { readonly networks: readonly HostNetwork[]; readonly at: number } | undefined;

  constructor(vmrun: Vmrun) {
    this.#vmrun = vmrun;
  }

  async list(): Promise<Network[]> {
    return (await this.#networks()).map(({ name, type, dhcp, subnet, mask }) => ({
      name,
      kind: type,
      active: true,
      ...(subnet !== undefined && mask !== undefined && networkFacts({ cidr: `${subnet}/${prefixOf(mask)}` })),
      dhcp,
      fixedAddresses: false,
    }));
  }

  /** Name of the network that is meant. Throws `network-not-found`. */
  async require(name: string): Promise<string> {
    const networks = await this.#networks();
    const wanted = name.toLowerCase();
    const found =
      networks.find((network) => network.name.toLowerCase() === wanted) ??
      networks.find(({ type }) => type.toLowerCase() === types[wanted]);
    if (!found)
      throw new ProblemError(
        'network-not-found',
        `There is no network "${name}" on this host. It has: ${networks.map((network) => network.name).join(', ')}.`,
      );
    return found.name;
  }

  async #networks(): Promise<readonly HostNetwork[]> {
    if (this.#known && performance.now() - this.#known.at < BELIEVED_MS) return this.#known.networks;
    const networks = await this.#ask();
    this.#known = { networks, at: performance.now() };
    return networks;
  }

  async #ask(): Promise<readonly HostNetwork[]> {
    try {
      const listed = parseHostNetworks(await this.#vmrun.look(['listHostNetworks']));
      return listed.length > 0 ? listed : usual;
    } catch (error) {
      if (error instanceof VmwareError && /Unrecognized command/i.test(error.said)) return usual;
      throw error;
    }
  }
}

/** `255.255.255.0` is 24. */
export const prefixOf = (mask: string): number =>
  mask
    .split('.')
    .map((part) => Number(part).toString(2).replaceAll('0', '').length)
    .reduce((sum, ones) => sum + ones, 0);
