import type { HostLimits, Network } from '../host/host.ts';
import { ProblemError, type Problem } from '../problem/problem.ts';
import type { NicChange } from '../vm/hardware-change.ts';
import type { Nic } from '../vm/vm.ts';
import type { NicInput } from '../vm/vm-create.ts';
import { formatIp, parseCidr, parseIp, type IpAddress } from './ip-address.ts';
import { macFault } from './mac-address.ts';

/** What the interfaces that are asked for have to get on with. */
export interface NicSurroundings {
  readonly networks: readonly Network[];
  readonly macRanges?: HostLimits['macRanges'];
  /** The other VMs of the host; of the VM that is changed, its interfaces as they stay. */
  readonly others: readonly { readonly name: string; readonly nics: readonly Nic[] }[];
}

type Fault = NonNullable<Problem['errors']>[number];

/**
 * Throws `invalid-input` with a pointer for each address and MAC address that the host cannot give: the gateway asks before
 * there is an operation, and a driver asks again by the same rules. `at` is where the list stands in the body. A network that
 * is not known is somebody else's to refuse.
 */
export function requireNics(nics: readonly NicInput[], at: '/nics' | '/addNics', surroundings: NicSurroundings): void {
  const errors = nicFaults(nics, at, surroundings);
  if (errors.length > 0)
    throw new ProblemError('invalid-input', errors.map(({ detail }) => detail).join(' '), { errors });
}

/**
 * The same of interfaces that keep their MAC addresses and change their network or address. `own` are those of the VM as they
 * are; the surroundings are without them.
 */
export function requireNicChanges(
  changes: readonly NicChange[],
  own: readonly Pick<Nic, 'mac' | 'network'>[],
  surroundings: NicSurroundings,
): void {
  const errors = changes.flatMap(({ mac, network, address = 'auto' }, index) => {
    const asked = { mac, address, network: network ?? own.find((nic) => nic.mac === mac)?.network ?? '' };
    const fault = addressFaultAmong(asked, surroundings);
    return fault === undefined ? [] : [{ pointer: `/changeNics/${index}/address`, detail: fault }];
  });
  if (errors.length > 0)
    throw new ProblemError('invalid-input', errors.map(({ detail }) => detail).join(' '), { errors });
}

export function nicFaults(nics: readonly NicInput[], at: string, surroundings: NicSurroundings): Fault[] {
  return nics.flatMap((nic, index) => {
    const address = addressFaultAmong(nic, surroundings);
    const mac = nic.mac !== undefined && macFaultAmong(nic.mac, surroundings);
    return [
      ...(address ? [{ pointer: `${at}/${index}/address`, detail: address }] : []),
      ...(mac ? [{ pointer: `${at}/${index}/mac`, detail: mac }] : []),
    ];
  });
}

function addressFaultAmong(nic: NicInput, { networks, others }: NicSurroundings): string | undefined {
  // Clusters of one host may have networks of one name. Which is meant the driver decides; one that can give it is enough.
  const meant = nic.address === 'auto' ? [] : networks.filter(({ name }) => name === nic.network);
  const faults = meant.map((network) => addressFault(nic.address, nic.mac, network, others));
  return faults.includes(undefined) ? undefined : faults[0];
}

function macFaultAmong(mac: string, { macRanges, others }: NicSurroundings): string | undefined {
  const fault = macFault(mac);
  if (fault !== undefined) return `No VM can have the MAC address ${mac}. ${fault}`;
  if (macRanges && !macRanges.some(({ from, to }) => from <= mac && mac <= to))
    return `The MAC address ${mac} is outside what this host allows: ${listed(macRanges)}.`;
  const holder = others.find(({ nics }) => nics.some((nic) => nic.mac === mac));
  return holder && `The VM "${holder.name}" of this host has the MAC address ${mac} already.`;
}

/** Why a NIC cannot have a fixed address on a network; undefined when it can, or when the network says too little. */
export function addressFault(
  address: string,
  mac: string | undefined,
  network: Network,
  others: NicSurroundings['others'],
): string | undefined {
  const ip = parseIp(address);
  if (!ip) return `${address} is no IP address.`;
  if (!network.fixedAddresses) return `The network "${network.name}" cannot reserve a fixed address. Ask for "auto".`;
  const usable = usableIn(network);
  const hint = usable.length === 0 ? '' : ` Ask for one of ${usable.map(shown).join(', ')}, or for "auto".`;
  const refuse = (why: string) => `${why}${hint}`;
  const subnet = network.cidr === undefined ? undefined : parseCidr(network.cidr);
  if (subnet) {
    const place = `the network "${network.name}", which is ${network.cidr}`;
    if (subnet.family !== ip.family) return refuse(`${address} is an IPv${ip.family} address and not one of ${place}.`);
    if (ip.value < subnet.first || ip.value > subnet.last) return refuse(`${address} is not in ${place}.`);
    if (reservesEnds(subnet) && ip.value === subnet.first) return refuse(`${address} is the address of ${place}.`);
    if (reservesEnds(subnet) && ip.family === 4 && ip.value === subnet.last)
      return refuse(`${address} is the broadcast address of ${place}.`);
  }
  if (network.gateway !== undefined && same(ip, parseIp(network.gateway)))
    return refuse(`${address} is the gateway of the network "${network.name}".`);
  if (usable.length > 0 && !usable.some(({ from, to }) => isBetween(ip, from, to)))
    return refuse(`${address} is none of the addresses that the network "${network.name}" gives.`);
  const reservation = network.reserved?.find((one) => same(ip, parseIp(one.address)));
  if (reservation && (mac === undefined || reservation.mac !== mac)) {
    const owner = reservation.mac === undefined ? '' : ` for ${reservation.mac}`;
    return refuse(`${address} is reserved on the network "${network.name}" already${owner}.`);
  }
  const holder = others.find(({ nics }) =>
    nics.some((nic) => nic.network === network.name && nic.addresses.some((one) => same(ip, parseIp(one)))),
  );
  return holder && refuse(`The VM "${holder.name}" has the address ${address} already.`);
}

interface Range {
  readonly from: IpAddress;
  readonly to: IpAddress;
}

/** The ranges of fixed addresses that a network gives, as far as it says; empty when it says nothing. */
function usableIn({ cidr, gateway, ranges }: Network): Range[] {
  if (ranges) {
    return ranges.flatMap(({ from, to }) => {
      const [first, last] = [parseIp(from), parseIp(to)];
      return first && last ? [{ from: first, to: last }] : [];
    });
  }
  const subnet = cidr === undefined ? undefined : parseCidr(cidr);
  if (!subnet) return [];
  const { family, first, last } = subnet;
  const ends = reservesEnds(subnet);
  const [low, high] = [ends ? first + 1n : first, ends && family === 4 ? last - 1n : last];
  const router = gateway === undefined ? undefined : parseIp(gateway);
  const parts =
    router?.family === family && low <= router.value && router.value <= high
      ? [
          [low, router.value - 1n],
          [router.value + 1n, high],
        ]
      : [[low, high]];
  return parts
    .filter(([from, to]) => from! <= to!)
    .map(([from, to]) => ({ from: { family, value: from! }, to: { family, value: to! } }));
}

/** A network of one or two addresses has no address of its own and no broadcast. */
const reservesEnds = ({ first, last }: { first: bigint; last: bigint }) => last - first > 1n;

const same = (one: IpAddress, other: IpAddress | undefined): boolean =>
  other !== undefined && one.family === other.family && one.value === other.value;

const isBetween = (ip: IpAddress, from: IpAddress, to: IpAddress): boolean =>
  ip.family === from.family && from.value <= ip.value && ip.value <= to.value;

const shown = ({ from, to }: Range): string => `${formatIp(from)} to ${formatIp(to)}`;

const listed = (ranges: readonly { from: string; to: string }[]): string =>
  ranges.map(({ from, to }) => `${from} to ${to}`).join(', ');
