import { ProblemError, type Network } from '@polyvirt/contracts';
import {
  NetworkUpdateCommand,
  NetworkUpdateSection,
  type Libvirt,
  type Network as LibvirtNetwork,
} from '@polyvirt/node-libvirt';
import { orUndefined } from './storage/storage-pool.ts';
import { attribute, buildXml, child, children, parseXml, text, type Xml } from './xml.ts';

interface NetworkFacts extends Network {
  readonly reservations: readonly { mac: string; ip: string }[];
}

/** Networks of libvirt: what there is, who got which address, and addresses kept for a machine. */
export class Networks {
  readonly #libvirt: Libvirt;

  constructor(libvirt: Libvirt) {
    this.#libvirt = libvirt;
  }

  async list(): Promise<Network[]> {
    const networks = await this.#libvirt.networks.list();
    const facts = await Promise.all(networks.map((network) => orUndefined(readFacts(network))));
    return facts
      .filter((network) => network !== undefined)
      .map(({ name, kind, active, cidr, dhcp, fixedAddresses }) => ({ name, kind, active, cidr, dhcp, fixedAddresses }))
      .sort((a, b) => a.name.localeCompare(b.name));
  }

  /** Throws unless the network exists, is active, and can reserve `address` when it is a fixed one. */
  async demand(name: string, address: string): Promise<void> {
    const net = await orUndefined(this.#libvirt.networks.getByName(name));
    if (!net) {
      const names = (await this.list()).map((network) => network.name);
      throw new ProblemError(
        'network-not-found',
        `There is no network "${name}" on this host. ${names.length > 0 ? `It has: ${names.join(', ')}.` : 'It has none.'}`,
      );
    }
    const { active, fixedAddresses } = await readFacts(net);
    if (!active)
      throw new ProblemError(
        'wrong-state',
        `The network "${name}" is not active. Start it with: virsh net-start ${name}`,
      );
    if (address !== 'auto' && !fixedAddresses)
      throw new ProblemError(
        'invalid-input',
        `The network "${name}" has no DHCP server of libvirt that could reserve ${address}. Use "auto".`,
      );
  }

  /** Keeps an address for a MAC. One that another machine has is refused. */
  async reserve(name: string, mac: string, ip: string): Promise<void> {
    const net = await this.#libvirt.networks.getByName(name);
    const { reservations, active } = await readFacts(net);
    const taken = reservations.find((reservation) => reservation.ip === ip);
    if (taken?.mac === mac) return;
    if (taken)
      throw new ProblemError('invalid-input', `The address ${ip} of the network "${name}" is kept for ${taken.mac}.`);
    await updateHost(net, NetworkUpdateCommand.ADD_LAST, { mac, ip }, active);
  }

  /** Gives up what was kept for the MACs, on whichever network it was. */
  async release(nics: readonly { network: string; mac: string }[]): Promise<void> {
    for (const { network, mac } of nics) {
      const net = await orUndefined(this.#libvirt.networks.getByName(network));
      if (!net) continue;
      const { reservations, active } = await readFacts(net);
      const own = reservations.find((reservation) => reservation.mac === mac);
      if (own) await updateHost(net, NetworkUpdateCommand.DELETE, own, active);
    }
  }

  /** Present addresses by MAC, on all active networks: one call each. */
  async leases(): Promise<Map<string, string[]>> {
    const networks = await this.#libvirt.networks.list({ active: true });
    const byMac = new Map<string, string[]>();
    const now = Date.now() / 1000;
    await Promise.all(
      networks.map(async (network) => {
        // A network that was stopped in the meantime has no leases.
        const leases = await network.dhcpLeases().catch(() => []);
        for (const { mac, address, expiresAt } of leases) {
          // A lease that never ends has no time.
          if (mac === null || (expiresAt > 0 && expiresAt < now)) continue;
          const key = mac.toLowerCase();
          const addresses = byMac.get(key) ?? [];
          if (!addresses.includes(address)) byMac.set(key, [...addresses, address]);
        }
      }),
    );
    return byMac;
  }
}

async function updateHost(
  network: LibvirtNetwork,
  command: number,
  { mac, ip }: { mac: string; ip: string },
  active: boolean,
): Promise<void> {
  const xml = buildXml({ host: { '@mac': mac, '@ip': ip } });
  await network.update(command, NetworkUpdateSection.IP_DHCP_HOST, xml, { live: active, config: true });
}

async function readFacts(libvirtNetwork: LibvirtNetwork): Promise<NetworkFacts> {
  const [xml, active] = await Promise.all([libvirtNetwork.xml(), libvirtNetwork.isActive()]);
  const network = child(parseXml(xml), 'network');
  const ips = children(network, 'ip');
  const dhcps = ips.map((ip) => child(ip, 'dhcp')).filter((dhcp) => dhcp !== undefined);
  return {
    name: text(network, 'name') ?? libvirtNetwork.name,
    kind: network?.['forward'] === undefined ? 'isolated' : (attribute(child(network, 'forward'), 'mode') ?? 'nat'),
    active,
    ...(ips[0] ? { cidr: cidrOf(ips[0]) } : {}),
    dhcp: dhcps.length > 0,
    fixedAddresses: dhcps.length > 0,
    reservations: dhcps.flatMap((dhcp) =>
      children(dhcp, 'host').map((host) => ({
        mac: (attribute(host, 'mac') ?? '').toLowerCase(),
        ip: attribute(host, 'ip') ?? '',
      })),
    ),
  };
}

function cidrOf(ip: Xml): string {
  const address = attribute(ip, 'address') ?? '';
  const netmask = attribute(ip, 'netmask');
  const prefix = attribute(ip, 'prefix') ?? (netmask === undefined ? undefined : String(prefixOf(netmask)));
  return prefix === undefined ? address : `${address}/${prefix}`;
}

const prefixOf = (netmask: string) =>
  netmask.split('.').reduce((bits, octet) => bits + Number(octet).toString(2).replaceAll('0', '').length, 0);
