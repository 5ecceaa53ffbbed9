import { lookup as resolveName, type LookupAddress } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import type { NetworkList } from '@polyvirt/config';
import { ProblemError } from '@polyvirt/contracts';

/** Addresses that are nobody's on the internet. https://www.iana.org/assignments/iana-ipv4-special-registry and its twin for IPv6 */
const special: readonly (readonly [network: string, prefix: number, family: 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.0.2.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['198.51.100.0', 24, 'ipv4'],
  ['203.0.113.0', 24, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  // Global unicast is 2000::/3; of it these are documentation, benchmarks, and tunnels that end at any IPv4 address.
  ['::', 3, 'ipv6'],
  ['4000::', 2, 'ipv6'],
  ['8000::', 1, 'ipv6'],
  ['2001::', 23, 'ipv6'],
  ['2001:db8::', 32, 'ipv6'],
  ['2002::', 16, 'ipv6'],
  ['3fff::', 20, 'ipv6'],
];
/** One for each family: an IPv4 address is found in IPv6 networks, too, by its mapped form. */
const unreachable = { ipv4: new BlockList(), ipv6: new BlockList() };
for (const [network, prefix, family] of special) unreachable[family].addSubnet(network, prefix, family);

const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** Which addresses a program of ours connects to when somebody else has named the place. */
export class ReachableAddresses {
  /** Beside the public ones, those of the networks that are listed. */
  constructor(private readonly listed?: Pick<NetworkList, 'has'>) {}

  has(address: string): boolean {
    const family = familyOf(address);
    return this.listed?.has(address) === true || !unreachable[family].check(address, family);
  }

  /** Throws `invalid-input` for an address in a URL that is none of them. A name is looked at when it is resolved. */
  require(hostname: string, pointer: string): void {
    const address = hostname.replace(/^\[|\]$/g, '');
    if (isIP(address) !== 0 && !this.has(address)) throw refused(address, pointer);
  }

  /** Resolves a name to those of its addresses that are among them, so that what was checked is what is connected to. */
  lookup(pointer: string): LookupFunction {
    return (name, options, answer) =>
      resolveName(name, { ...options, all: true }, (error, found: LookupAddress[]) => {
        const reachable = error ? [] : found.filter(({ address }) => this.has(address));
        const [first] = reachable;
        if (error) answer(error, '', 0);
        else if (!first) answer(refused(found.map(({ address }) => address).join(', '), pointer), '', 0);
        else if (options.all) answer(null, reachable);
        else answer(null, first.address, first.family);
      });
  }
}

const refused = (addresses: string, pointer: string) =>
  new ProblemError(
    'invalid-input',
    `The agent fetches nothing from ${addresses}: that is no address of the internet. If it should, list its network in POLYVIRT_IMAGE_NETWORKS of the agent.`,
    { errors: [{ pointer, detail: 'Its address is private.' }] },
  );
