import { formatIp, normalMac, parseCidr, parseIp, type IpNetwork, type Network } from '@polyvirt/contracts';
import { networkFacts } from '@polyvirt/hypervisor';
import { attribute, child, children, parseXml, text, type Xml } from './xml.ts';

/** A network of libvirt as its definition says it, and where in the definition an address is reserved. */
export interface NetworkDefinition extends Network {
  readonly reservations: readonly Reservation[];
}

export interface Reservation {
  readonly mac: string | undefined;
  readonly address: string;
}

interface Subnet {
  readonly network: IpNetwork | undefined;
  readonly cidr: string;
  readonly gateway: string | undefined;
  readonly dhcp: Xml | undefined;
}

/** Throws SyntaxError for what is no definition of a network. */
export function readNetwork(xml: string, active: boolean): NetworkDefinition {
  const network = child(parseXml(xml), 'network');
  if (!network) throw new SyntaxError('not a network definition');
  const subnets = children(network, 'ip').map(readSubnet);
  // libvirt serves one IPv4 network by DHCP at most, and reserves addresses by MAC in that one only.
  const served = subnets.find((subnet) => subnet.dhcp && subnet.network?.family === 4);
  const shown = served ?? subnets.find((subnet) => subnet.network?.family === 4) ?? subnets[0];
  const reservations = subnets.flatMap(({ dhcp }) => children(dhcp, 'host').flatMap(readReservation));
  return {
    name: text(network, 'name') ?? '',
    kind: network['forward'] === undefined ? 'isolated' : (attribute(child(network, 'forward'), 'mode') ?? 'nat'),
    active,
    ...(shown ? networkFacts({ cidr: shown.cidr, gateway: shown.gateway }) : {}),
    dhcp: subnets.some(({ dhcp }) => dhcp !== undefined),
    fixedAddresses: served !== undefined,
    ...(reservations.length === 0
      ? {}
      : { reserved: reservations.map(({ mac, address }) => ({ address, ...(mac === undefined ? {} : { mac }) })) }),
    reservations,
  };
}

function readSubnet(ip: Xml): Subnet {
  const address = attribute(ip, 'address') ?? '';
  const netmask = attribute(ip, 'netmask');
  const prefix = attribute(ip, 'prefix') ?? (netmask === undefined ? classPrefix(address) : prefixOf(netmask));
  const cidr = `${address}/${prefix}`;
  return { network: parseCidr(cidr), cidr, gateway: address, dhcp: child(ip, 'dhcp') };
}

function readReservation(host: Xml): Reservation[] {
  const ip = parseIp(attribute(host, 'ip') ?? '');
  const mac = attribute(host, 'mac');
  return ip ? [{ address: formatIp(ip), mac: mac === undefined ? undefined : normalMac(mac) }] : [];
}

/** What libvirt takes when neither netmask nor prefix is there. */
function classPrefix(address: string): number {
  const ip = parseIp(address);
  if (ip?.family !== 4) return 64;
  const first = Number(ip.value >> 24n);
  return first < 128 ? 8 : first < 192 ? 16 : 24;
}

const prefixOf = (netmask: string): number =>
  netmask.split('.').reduce((bits, octet) => bits + Number(octet).toString(2).replaceAll('0', '').length, 0);
