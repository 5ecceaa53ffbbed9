import {
  addressFault,
  formatIp,
  parseIp,
  ProblemError,
  requireNicChanges,
  requireNics,
  type NativeId,
  type Network,
  type NicInput,
} from '@polyvirt/contracts';
import {
  isNotFound,
  isWrongState,
  NetworkUpdateCommand,
  NetworkUpdateSection,
  type Libvirt,
  type Network as LibvirtNetwork,
} from '@polyvirt/node-libvirt';
import { guestAddresses } from '@polyvirt/hypervisor';
import { nicsOfOthers, type NicsOfVm } from './domain/nics-of-others.ts';
import { LastTold } from './last-told.ts';
import { readNetwork, type NetworkDefinition } from './network-facts.ts';
import { orUndefined } from './storage/storage-pool.ts';
import { buildXml } from './xml.ts';

/** Networks of libvirt: what there is, who got which address, and addresses kept for a machine. */
export class Networks {
  readonly #libvirt: Libvirt;
  readonly #lists = new LastTold<LibvirtNetwork[]>();
  readonly #definitions = new LastTold<NetworkDefinition>();
  readonly #leases = new LastTold<Lease[]>();

  constructor(libvirt: Libvirt) {
    this.#libvirt = libvirt;
  }

  /** One that cannot be read now is as it was; without those that never could. */
  async list(): Promise<Network[]> {
    const networks = await this.#libvirt.networks.list();
    this.#definitions.keep(new Set(networks.map(({ name }) => name)));
    const definitions = await Promise.all(networks.map((one) => this.#definitions.of(one.name, readDefinition(one))));
    return definitions
      .flatMap((definition) => (definition ? [asNetwork(definition)] : []))
      .sort((a, b) => a.name.localeCompare(b.name));
  }

  /**
   * Throws unless every interface that is asked for can be had: its network is there and active, and gives the address and the
   * MAC by the rules that the gateway has too. `of` is the machine that is changed, with the interfaces that it keeps.
   */
  async check(
    nics: readonly (NicInput & { mac: string })[],
    at: '/nics' | '/addNics' | '/changeNics',
    of?: { readonly nativeId: NativeId; readonly keeps: NicsOfVm },
  ): Promise<void> {
    if (nics.length === 0) return;
    const networks = await this.list();
    for (const [index, { network: name, address }] of nics.entries()) {
      const network = networks.find((candidate) => candidate.name === name);
      if (!network) throw networkNotFound(name, networks, `${at}/${index}/network`);
      if (!network.active)
        throw new ProblemError(
          'wrong-state',
          `The network "${name}" is not active. Start it with: virsh net-start ${name}`,
        );
      if (address !== 'auto' && !network.fixedAddresses)
        throw refused(
          `The network "${name}" has no DHCP server of libvirt that could reserve ${address}. Use "auto".`,
          `${at}/${index}/address`,
        );
    }
    const leases = await this.leases();
    const others = await nicsOfOthers(this.#libvirt, leases, of?.nativeId);
    const surroundings = { networks, others: of ? [...others, of.keeps] : others };
    if (at === '/changeNics') requireNicChanges(nics, nics, surroundings);
    else requireNics(nics, at, surroundings);
    await this.#refuseLeased(nics, at);
  }

  /** Also to machines that are no VMs of this host. */
  async #refuseLeased(nics: readonly (NicInput & { mac: string })[], at: string): Promise<void> {
    for (const [index, { network, address, mac }] of nics.entries()) {
      if (address === 'auto') continue;
      const net = await this.#libvirt.networks.getByName(network);
      const holder = (await leasesOf(net)).find((lease) => canonical(lease.address) === canonical(address));
      if (holder && holder.mac !== mac)
        throw refused(
          `The address ${address} of the network "${network}" is leased to ${holder.mac} now.`,
          `${at}/${index}/address`,
        );
    }
  }

  /** Keeps an address for a MAC. One that another machine has, or that the network cannot give, is refused. */
  async reserve(name: string, mac: string, address: string): Promise<void> {
    const net = await this.#libvirt.networks.getByName(name);
    const definition = await readDefinition(net);
    const own = definition.reservations.find((reservation) => reservation.mac === mac);
    if (own && own.address === canonical(address)) return;
    const fault = faultOf(definition, mac, address);
    if (fault !== undefined) throw refused(fault);
    await updateHost(net, NetworkUpdateCommand.ADD_LAST, { mac, address }, definition.active);
  }

  /** The address that a network keeps for a MAC; undefined when it keeps none, or is none of libvirt's. */
  async reservationOf({ network, mac }: { network: string; mac: string }): Promise<string | undefined> {
    const net = await orUndefined(this.#libvirt.networks.getByName(network));
    const { reservations } = net ? await readDefinition(net) : { reservations: [] };
    return reservations.find((reservation) => reservation.mac === mac)?.address;
  }

  /** Gives up what was kept for the MACs, on whichever network it was. */
  async release(nics: readonly { network: string; mac: string }[]): Promise<void> {
    for (const { network, mac } of nics) {
      const net = await orUndefined(this.#libvirt.networks.getByName(network));
      if (!net) continue;
      const { reservations, active } = await readDefinition(net);
      const own = reservations.find((reservation) => reservation.mac === mac);
      if (own) await updateHost(net, NetworkUpdateCommand.DELETE, { mac, address: own.address }, active);
    }
  }

  /**
   * Present addresses by MAC, on all active networks: one call each. Of a network that cannot be asked now, those of its last
   * answer that have not run out.
   */
  async leases(): Promise<Map<string, string[]>> {
    const networks = (await this.#lists.of('active', this.#libvirt.networks.list({ active: true }))) ?? [];
    this.#leases.keep(new Set(networks.map(({ name }) => name)));
    const told = await Promise.all(networks.map((network) => this.#leases.of(network.name, leasesOf(network))));
    const byMac = new Map<string, string[]>();
    for (const { mac, address } of present(told.flatMap((leases) => leases ?? []))) {
      const addresses = guestAddresses([...(byMac.get(mac) ?? []), address]);
      if (addresses.length > 0) byMac.set(mac, addresses);
    }
    return byMac;
  }
}

interface Lease {
  readonly mac: string;
  readonly address: string;
  /** In seconds of the epoch; 0 for one that never ends. */
  readonly expiresAt: number;
}

function present(leases: readonly Lease[]): Lease[] {
  const now = Date.now() / 1000;
  return leases.filter(({ expiresAt }) => expiresAt === 0 || expiresAt >= now);
}

/** Rejects when the network cannot say, which does not mean that it has none. */
async function leasesOf(network: LibvirtNetwork): Promise<Lease[]> {
  const leases = await network.dhcpLeases().catch((error: unknown) => {
    // A network that was stopped or deleted in the meantime has no leases.
    if (isNotFound(error) || isWrongState(error)) return [];
    throw error;
  });
  return present(
    leases.flatMap(({ mac, address, expiresAt }) =>
      mac === null ? [] : [{ mac: mac.toLowerCase(), address, expiresAt: Math.max(0, expiresAt) }],
    ),
  );
}

/** By the rule that the gateway has too, and what only libvirt asks: one address for a MAC. */
function faultOf(definition: NetworkDefinition, mac: string | undefined, address: string): string | undefined {
  const fault = addressFault(address, mac, definition, []);
  if (fault !== undefined) return fault;
  const other = definition.reservations.find((reservation) => mac !== undefined && reservation.mac === mac);
  return other && other.address !== canonical(address)
    ? `The network "${definition.name}" keeps ${other.address} for ${mac} already.`
    : undefined;
}

function networkNotFound(name: string, networks: readonly Network[], pointer: string): ProblemError {
  const names = networks.map((network) => network.name);
  return new ProblemError(
    'network-not-found',
    `There is no network "${name}" on this host. ${names.length > 0 ? `It has: ${names.join(', ')}.` : 'It has none.'}`,
    { errors: [{ pointer, detail: 'There is no such network.' }] },
  );
}

function canonical(address: string): string {
  const ip = parseIp(address);
  return ip ? formatIp(ip) : address;
}

function refused(detail: string, pointer?: string): ProblemError {
  return new ProblemError('invalid-input', detail, pointer === undefined ? {} : { errors: [{ pointer, detail }] });
}

async function updateHost(
  network: LibvirtNetwork,
  command: number,
  { mac, address }: { mac: string; address: string },
  active: boolean,
): Promise<void> {
  const xml = buildXml({ host: { '@mac': mac, '@ip': address } });
  const config = await network.isPersistent();
  await network.update(command, NetworkUpdateSection.IP_DHCP_HOST, xml, { live: active, config });
}

async function readDefinition(network: LibvirtNetwork): Promise<NetworkDefinition> {
  const [xml, active] = await Promise.all([network.xml(), network.isActive()]);
  return readNetwork(xml, active);
}

function asNetwork({ reservations: _, ...network }: NetworkDefinition): Network {
  return network;
}
