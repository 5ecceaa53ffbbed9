import { existsSync, readFileSync } from 'node:fs';
import { withFileLock } from './file-lock.ts';
import { addressIn } from './ipv4.ts';
import { replaceFile } from './replace-file.ts';
import type { Session } from './session.ts';

export interface HostNetwork {
  index: number;
  name: string;
  type: 'bridged' | 'hostOnly' | 'nat';
  hasDhcp: boolean;
  /** Absent for a bridged network. */
  subnet?: string;
  mask?: string;
}

const INITIAL: HostNetwork[] = [
  { index: 0, name: 'vmnet0', type: 'bridged', hasDhcp: false },
  { index: 1, name: 'vmnet1', type: 'hostOnly', hasDhcp: true, subnet: '172.16.11.0', mask: '255.255.255.0' },
  { index: 8, name: 'vmnet8', type: 'nat', hasDhcp: true, subnet: '192.168.3.0', mask: '255.255.255.0' },
];

/** The host's virtual networks, in the files where the platform keeps them; made at first use. */
export function hostNetworks(session: Session): HostNetwork[] {
  ensureConfiguration(session);
  return session.paths.isWindows ? readWindows(session) : readLinux(session);
}

export function findNetwork(session: Session, name: string): HostNetwork | undefined {
  return hostNetworks(session).find((network) => network.name === name.toLowerCase());
}

/** The file that holds the port forwardings. */
export function forwardingFile(session: Session): string {
  ensureConfiguration(session);
  const { registry } = session;
  return session.paths.isWindows
    ? registry.windowsConfiguration('vmnetnat.conf')
    : registry.linuxConfiguration('networking');
}

/** The DHCP server's configuration, where static addresses are written. */
export function dhcpConfiguration(session: Session, network: HostNetwork): string {
  return session.paths.isWindows
    ? session.registry.windowsConfiguration('vmnetdhcp.conf')
    : session.registry.linuxConfiguration(network.name, 'dhcpd', 'dhcpd.conf');
}

export function leaseFile(session: Session, network: HostNetwork): string {
  return session.paths.isWindows
    ? session.registry.windowsConfiguration('vmnetdhcp.leases')
    : session.registry.linuxConfiguration(network.name, 'dhcpd', 'dhcpd.leases');
}

function ensureConfiguration(session: Session): void {
  const { registry } = session;
  const main = session.paths.isWindows
    ? registry.windowsConfiguration('vmnetdhcp.conf')
    : registry.linuxConfiguration('networking');
  if (existsSync(main)) return;
  withFileLock(registry.own('networks.lock'), () => {
    if (existsSync(main)) return;
    const withDhcp = INITIAL.filter((network) => network.hasDhcp);
    if (session.paths.isWindows) {
      replaceFile(registry.windowsConfiguration('netmap.conf'), netmap());
      replaceFile(registry.windowsConfiguration('vmnetnat.conf'), natConfiguration(8, '192.168.3.0'));
      replaceFile(main, withDhcp.map(dhcpSegment).join('\r\n'));
    } else {
      for (const network of withDhcp) replaceFile(dhcpConfiguration(session, network), dhcpSegment(network));
      replaceFile(main, networkingFile());
    }
  });
}

function networkingFile(): string {
  const lines = ['VERSION=1,0'];
  for (const { index, type, hasDhcp, subnet, mask } of INITIAL) {
    if (type === 'bridged') continue;
    lines.push(`answer VNET_${index}_DHCP ${hasDhcp ? 'yes' : 'no'}`);
    lines.push(`answer VNET_${index}_HOSTONLY_NETMASK ${mask}`);
    lines.push(`answer VNET_${index}_HOSTONLY_SUBNET ${subnet}`);
    if (type === 'nat') lines.push(`answer VNET_${index}_NAT yes`);
    lines.push(`answer VNET_${index}_VIRTUAL_ADAPTER yes`);
  }
  return [...lines, ''].join('\n');
}

function readLinux(session: Session): HostNetwork[] {
  const text = readFileSync(session.registry.linuxConfiguration('networking'), 'utf8');
  const answers = new Map<string, string>();
  for (const [, key, value] of text.matchAll(/^answer\s+(VNET_\d+_\w+)\s+(\S+)/gm)) answers.set(key!, value!);
  const indexes = [...new Set([...answers.keys()].map((key) => Number(key.split('_')[1])))].sort((a, b) => a - b);
  const configured = indexes.flatMap((index): HostNetwork | [] => {
    const answer = (name: string) => answers.get(`VNET_${index}_${name}`);
    if (answer('VIRTUAL_ADAPTER') !== 'yes') return [];
    return {
      index,
      name: `vmnet${index}`,
      type: answer('NAT') === 'yes' ? 'nat' : 'hostOnly',
      hasDhcp: answer('DHCP') === 'yes',
      subnet: answer('HOSTONLY_SUBNET') ?? '0.0.0.0',
      mask: answer('HOSTONLY_NETMASK') ?? '255.255.255.0',
    };
  });
  return [INITIAL[0]!, ...configured];
}

function readWindows(session: Session): HostNetwork[] {
  const text = readFileSync(session.registry.windowsConfiguration('vmnetdhcp.conf'), 'utf8');
  const nat = readFileSync(session.registry.windowsConfiguration('vmnetnat.conf'), 'utf8');
  const natDevice = /^\s*device\s*=\s*(vmnet\d+)/im.exec(nat)?.[1]?.toLowerCase();
  const segments = [...text.matchAll(/# Virtual ethernet segment (\d+)[\s\S]*?subnet\s+(\S+)\s+netmask\s+(\S+)/g)];
  const configured = segments.map(([, index, subnet, mask]): HostNetwork => {
    const name = `vmnet${index}`;
    const type = name === natDevice ? 'nat' : 'hostOnly';
    return { index: Number(index), name, type, hasDhcp: true, subnet: subnet!, mask: mask! };
  });
  return [INITIAL[0]!, ...configured];
}

function dhcpSegment({ index, subnet, mask }: HostNetwork): string {
  return [
    `# Virtual ethernet segment ${index}`,
    `subnet ${subnet} netmask ${mask} {`,
    `\trange ${addressIn(subnet!, 128)} ${addressIn(subnet!, 254)};`,
    `\toption broadcast-address ${addressIn(subnet!, 255)};`,
    '\toption domain-name "localdomain";',
    '\tdefault-lease-time 1800;',
    '\tmax-lease-time 7200;',
    '}',
    `host vmnet${index} {`,
    `\thardware ethernet 00:50:56:C0:00:0${index};`,
    `\tfixed-address ${addressIn(subnet!, 1)};`,
    '}',
    '# End',
    '',
  ].join('\n');
}

function netmap(): string {
  return INITIAL.map(
    ({ index, name }) => `network${index}.name = "${name}"\r\nnetwork${index}.device = "${name}"\r\n`,
  ).join('');
}

function natConfiguration(index: number, subnet: string): string {
  return [
    '[host]',
    `ip = ${addressIn(subnet, 2)}/24`,
    `device = vmnet${index}`,
    '',
    '[incomingtcp]',
    '',
    '[incomingudp]',
    '',
  ].join('\r\n');
}
