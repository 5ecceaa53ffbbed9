import { required, wordOf, type Call } from '../command-line/call.ts';
import { refusal } from '../command-line/errors.ts';
import { findNetwork, hostNetworks, type HostNetwork } from '../host/host-networks.ts';
import { deletePortForwarding as remove, portForwardings, setPortForwarding as set } from '../host/port-forwardings.ts';

const NETWORK_COLUMNS = [7, 13, 13, 13, 17];
const FORWARDING_COLUMNS = [7, 13, 13, 17, 13];
const PROTOCOLS = ['tcp', 'udp'] as const;

export function listHostNetworks({ session }: Call): string[] {
  const networks = hostNetworks(session);
  const rows = networks.map(({ index, name, type, hasDhcp, subnet = 'empty', mask = 'empty' }) => [
    String(index),
    name,
    type,
    String(hasDhcp),
    subnet,
    mask,
  ]);
  const heading = ['INDEX', 'NAME', 'TYPE', 'DHCP', 'SUBNET', 'MASK'];
  return [`Total host networks: ${networks.length}`, ...[heading, ...rows].map(formatter(NETWORK_COLUMNS))];
}

export function listPortForwardings(call: Call): string[] {
  const { session } = call;
  const forwardings = portForwardings(session, requireNat(call));
  const rows = forwardings.map(({ protocol, hostPort, guestAddress, guestPort, description }, index) => [
    String(index),
    protocol,
    String(hostPort),
    guestAddress,
    String(guestPort),
    description,
  ]);
  const heading = ['INDEX', 'PROTOCOL', 'HOST PORT', 'GUEST IP', 'GUEST PORT', 'DESCRIPTION'];
  const isHeaded = session.knobs.portForwardingTable === 'headed' && rows.length > 0;
  const table = isHeaded ? [heading, ...rows] : rows;
  return [`Total port forwardings: ${rows.length}`, ...table.map(formatter(FORWARDING_COLUMNS))];
}

export async function setPortForwarding(call: Call): Promise<void> {
  requireRights(call);
  const network = requireNat(call);
  const forwarding = {
    protocol: wordOf(required(call, 1), PROTOCOLS, 'tcp'),
    hostPort: portOf(required(call, 2)),
    guestAddress: required(call, 3),
    guestPort: portOf(required(call, 4)),
    description: call.parameters[5] ?? '',
  };
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(forwarding.guestAddress)) throw refusal('invalid-parameter');
  await call.halfway();
  set(call.session, network, forwarding);
}

export async function deletePortForwarding(call: Call): Promise<void> {
  requireRights(call);
  const network = requireNat(call);
  const protocol = wordOf(required(call, 1), PROTOCOLS, 'tcp');
  const hostPort = portOf(required(call, 2));
  await call.halfway();
  if (!remove(call.session, network, protocol, hostPort)) throw refusal('invalid-parameter');
}

function requireNat(call: Call): HostNetwork {
  const network = findNetwork(call.session, required(call, 0));
  if (network?.type !== 'nat') throw refusal('invalid-parameter');
  return network;
}

function requireRights({ session }: Call): void {
  if (session.knobs.portForwardingRights === 'root' && process.getuid?.() !== 0) throw refusal('host-permissions');
}

function portOf(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw refusal('invalid-parameter');
  return port;
}

const formatter = (columns: number[]) => (row: string[]) =>
  row
    .map((cell, index) => (index < columns.length && index < row.length - 1 ? cell.padEnd(columns[index]!) : cell))
    .join('')
    .trimEnd();
