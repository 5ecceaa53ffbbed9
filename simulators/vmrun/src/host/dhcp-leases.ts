import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { withFileLock } from './file-lock.ts';
import { dhcpConfiguration, leaseFile, type HostNetwork } from './host-networks.ts';
import { addressIn } from './ipv4.ts';
import type { Session } from './session.ts';

export const LEASE_MS = 30 * 60 * 1000;
const FIRST_DYNAMIC = 128;
const LAST_DYNAMIC = 254;

interface Lease {
  address: string;
  mac: string;
  endsAt: number;
}

/** Gives the adapter an address of the network and writes the lease; the same one as before where it is free. */
export function lease(session: Session, network: HostNetwork, mac: string, hostName: string): string | undefined {
  const path = leaseFile(session, network);
  const now = session.clock.now();
  return withFileLock(session.registry.own('leases.lock'), () => {
    const address = reservedAddress(session, network, mac) ?? freeAddress(readLeases(path), network, mac, now);
    if (address === undefined) return undefined;
    mkdirSync(dirname(path), { recursive: true });
    appendFileSync(path, formatLease(address, mac, hostName, now));
    return address;
  });
}

/** The address the adapter has a lease for; takes a lease when it has none yet. */
export function leasedAddress(
  session: Session,
  network: HostNetwork,
  mac: string,
  hostName: string,
): string | undefined {
  const now = session.clock.now();
  const own = readLeases(leaseFile(session, network)).findLast(
    (entry) => entry.mac === mac.toLowerCase() && entry.endsAt > now,
  );
  return own?.address ?? lease(session, network, mac, hostName);
}

function readLeases(path: string): Lease[] {
  if (!existsSync(path)) return [];
  const blocks = readFileSync(path, 'utf8').matchAll(/lease\s+([\d.]+)\s*\{([^}]*)\}/g);
  return [...blocks].map(([, address, body]) => ({
    address: address!,
    mac: /hardware ethernet ([0-9a-f:]+)/i.exec(body!)?.[1]?.toLowerCase() ?? '',
    endsAt: parseTime(/ends \d ([\d/]+ [\d:]+)/.exec(body!)?.[1] ?? ''),
  }));
}

function reservedAddress(session: Session, network: HostNetwork, mac: string): string | undefined {
  const path = dhcpConfiguration(session, network);
  if (!existsSync(path)) return undefined;
  for (const [, body] of readFileSync(path, 'utf8').matchAll(/host\s+\S+\s*\{([^}]*)\}/g)) {
    const owner = /hardware ethernet ([0-9a-f:]+)/i.exec(body!)?.[1]?.toLowerCase();
    if (owner === mac.toLowerCase()) return /fixed-address ([\d.]+)/.exec(body!)?.[1];
  }
  return undefined;
}

function freeAddress(leases: Lease[], network: HostNetwork, mac: string, now: number): string | undefined {
  const holders = new Map<string, Lease>();
  for (const entry of leases) holders.set(entry.address, entry);
  const isFree = (address: string) => {
    const holder = holders.get(address);
    return holder === undefined || holder.mac === mac.toLowerCase() || holder.endsAt < now;
  };
  const dynamic = Array.from({ length: LAST_DYNAMIC - FIRST_DYNAMIC + 1 }, (_, index) =>
    addressIn(network.subnet!, FIRST_DYNAMIC + index),
  );
  const before = leases.findLast((entry) => entry.mac === mac.toLowerCase() && dynamic.includes(entry.address));
  if (before && isFree(before.address)) return before.address;
  return dynamic.find((address) => !holders.has(address)) ?? dynamic.find(isFree);
}

function formatLease(address: string, mac: string, hostName: string, now: number): string {
  const lower = mac.toLowerCase();
  return [
    `lease ${address} {`,
    `\tstarts ${formatTime(now)};`,
    `\tends ${formatTime(now + LEASE_MS)};`,
    `\thardware ethernet ${lower};`,
    `\tuid 01:${lower};`,
    `\tclient-hostname "${hostName}";`,
    '}',
    '',
  ].join('\n');
}

/** `3 2026/01/07 08:00:00`, in UTC, the weekday first. */
function formatTime(time: number): string {
  const date = new Date(time);
  const [day, clock] = date.toISOString().slice(0, 19).split('T');
  return `${date.getUTCDay()} ${day!.replaceAll('-', '/')} ${clock}`;
}

function parseTime(text: string): number {
  return Date.parse(`${text.replaceAll('/', '-').replace(' ', 'T')}Z`);
}
