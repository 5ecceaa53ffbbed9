import { isIPv4, isIPv6 } from 'node:net';

const mapped = /^::ffff:/i;
/** Of eight: what a provider gives to one household is a network of 64 bits or more. */
const groupsOfNetwork = 4;

/** What is counted in the place of all addresses that one customer of a provider may have: a network of 24 bits, of IPv6 one of 48. */
export function networkOf(address: string): string {
  const counted = neighbourhoodOf(address);
  if (isIPv4(counted)) return counted.replace(/\d+$/, '0/24');
  return counted.replace(/:[^:]+::\/64$/, '::/48');
}

/**
 * What is counted in the place of an address: whoever has one IPv6 address has 2^64 of them, and would be a stranger with each. An
 * IPv4 address stands for itself, however it is written.
 */
export function neighbourhoodOf(address: string): string {
  const plain = address.replace(/%.*$/, '');
  const v4 = plain.replace(mapped, '');
  if (isIPv4(v4)) return v4;
  if (!isIPv6(plain)) return address;
  const [front = '', back] = plain.toLowerCase().split('::');
  const [head, tail] = [front, back ?? ''].map((part) => (part === '' ? [] : part.split(':'))) as [string[], string[]];
  const missing = back === undefined ? 0 : 8 - head.length - tail.length;
  const groups = [...head, ...Array<string>(Math.max(0, missing)).fill('0'), ...tail];
  return `${groups
    .slice(0, groupsOfNetwork)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}
