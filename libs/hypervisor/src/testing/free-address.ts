import { formatIp, parseCidr, parseIp, type Network } from '@polyvirt/contracts';

/** An address that nobody has asked for; within `range`, if that is known better than the network tells it. */
export function freeAddressOn(
  { cidr, gateway, ranges = [], reserved = [] }: Network,
  range: { readonly from: string; readonly to: string } | undefined = ranges.at(-1),
): string | undefined {
  const subnet = cidr === undefined ? undefined : parseCidr(cidr);
  if (!subnet) return undefined;
  const { family } = subnet;
  const [from, to] = range
    ? [parseIp(range.from)!.value, parseIp(range.to)!.value]
    : [subnet.first + 1n, subnet.last - 1n];
  const taken = [gateway, ...reserved.map(({ address }) => address)];
  const size = to - from + 1n;
  // Somewhere: another run may look for one on the same host.
  const begin = BigInt(Math.floor(Math.random() * Number(size > 1_000_000n ? 1_000_000n : size)));
  for (let tries = 0n; tries < size && tries < 10_000n; tries += 1n) {
    const address = formatIp({ family, value: from + ((begin + tries) % size) });
    if (!taken.includes(address)) return address;
  }
  return undefined;
}
