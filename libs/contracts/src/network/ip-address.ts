/** An IP address as a number, so that ranges and networks can be reckoned with. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

const bitsOf = { 4: 32n, 6: 128n } as const;

/** Undefined for what is no IP address. */
export function parseIp(text: string): IpAddress | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

export function formatIp({ family, value }: IpAddress): string {
  return family === 4 ? formatIpv4(value) : formatIpv6(value);
}

/** All addresses from the first to the last, both included. */
export interface IpNetwork {
  readonly family: 4 | 6;
  readonly prefix: number;
  readonly first: bigint;
  readonly last: bigint;
}

/** The network of an address with a prefix, `192.168.122.1/24`; undefined for what is none. */
export function parseCidr(text: string): IpNetwork | undefined {
  const [address = '', length = '', ...more] = text.split('/');
  const ip = parseIp(address);
  if (!ip || more.length > 0 || !/^\d{1,3}$/.test(length)) return undefined;
  const bits = bitsOf[ip.family];
  const prefix = BigInt(length);
  if (prefix > bits) return undefined;
  const hosts = 1n << (bits - prefix);
  const first = ip.value - (ip.value % hosts);
  return { family: ip.family, prefix: Number(prefix), first, last: first + hosts - 1n };
}

/** `192.168.122.1/24` as `192.168.122.0/24`; undefined for what is no network. */
export function networkCidr(text: string): string | undefined {
  const network = parseCidr(text);
  return network && `${formatIp({ family: network.family, value: network.first })}/${network.prefix}`;
}

function parseIpv4(text: string): IpAddress | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return { family: 4, value: parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n) };
}

function parseIpv6(text: string): IpAddress | undefined {
  const [, front = text, ipv4] = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text) ?? [];
  const tail = ipv4 === undefined ? undefined : parseIpv4(ipv4);
  if (ipv4 !== undefined && !tail) return undefined;
  const hex = tail ? `${front}${(tail.value >> 16n).toString(16)}:${(tail.value & 0xffffn).toString(16)}` : text;
  const halves = hex.split('::');
  if (halves.length > 2) return undefined;
  const [head, end] = halves.map((half) => (half === '' ? [] : half.split(':'))) as [string[], string[] | undefined];
  const missing = 8 - head.length - (end?.length ?? 0);
  if (end ? missing < 1 : missing !== 0) return undefined;
  const groups = end ? [...head, ...Array.from({ length: missing }, () => '0'), ...end] : head;
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return { family: 6, value: groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n) };
}

const formatIpv4 = (value: bigint): string =>
  [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.');

/** As RFC 5952 has it: the longest run of zeros, the first of several, is `::`. */
function formatIpv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => (value >> BigInt(16 * (7 - index))) & 0xffffn);
  const text = groups.map((group) => group.toString(16)).join(':');
  const runs = [...text.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].map(([run]) => run);
  const longest = runs.reduce((best, run) => (zerosIn(run) > zerosIn(best) ? run : best), '');
  if (longest === '') return text;
  const at = text.indexOf(longest);
  const [before, after] = [text.slice(0, at), text.slice(at + longest.length)];
  return `${before}::${after.replace(/^:/, '')}`;
}

const zerosIn = (run: string): number => run.split(':').filter((group) => group === '0').length;
