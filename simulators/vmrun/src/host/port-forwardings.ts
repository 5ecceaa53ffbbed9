import { readFileSync } from 'node:fs';
import { withFileLock } from './file-lock.ts';
import { forwardingFile, type HostNetwork } from './host-networks.ts';
import { replaceFile } from './replace-file.ts';
import type { Session } from './session.ts';

export interface PortForwarding {
  protocol: string;
  hostPort: number;
  guestAddress: string;
  guestPort: number;
  description: string;
}

/** Forwardings of a NAT network, as its configuration file has them. */
export function portForwardings(session: Session, network: HostNetwork): PortForwarding[] {
  const lines = readFileSync(forwardingFile(session), 'utf8').split(/\r?\n/);
  return session.paths.isWindows ? readSections(lines) : readAnswers(lines, network);
}

/** Adds the forwarding, or replaces the one of the same protocol and host port. */
export function setPortForwarding(session: Session, network: HostNetwork, forwarding: PortForwarding): void {
  editLines(session, (lines) => {
    const others = without(session, lines, network, forwarding.protocol, forwarding.hostPort);
    const { protocol, hostPort, guestAddress, guestPort, description } = forwarding;
    const comment = description === '' ? [] : [`# ${protocol} ${hostPort}: ${description}`];
    if (!session.paths.isWindows) {
      const answer = `add_nat_portfwd ${network.index} ${protocol} ${hostPort} ${guestAddress} ${guestPort}`;
      return [...trimEnd(others), ...comment, answer, ''];
    }
    const heading = others.findIndex((line) => line.trim().toLowerCase() === `[incoming${protocol}]`);
    const entry = [...comment, `${hostPort} = ${guestAddress}:${guestPort}`];
    if (heading < 0) return [...trimEnd(others), `[incoming${protocol}]`, ...entry, ''];
    return [...others.slice(0, heading + 1), ...entry, ...others.slice(heading + 1)];
  });
}

/** Removes the forwarding; false when there is none. */
export function deletePortForwarding(session: Session, network: HostNetwork, protocol: string, port: number): boolean {
  const isThere = portForwardings(session, network).some(
    (forwarding) => forwarding.protocol === protocol && forwarding.hostPort === port,
  );
  if (isThere) editLines(session, (lines) => without(session, lines, network, protocol, port));
  return isThere;
}

function readAnswers(lines: string[], network: HostNetwork): PortForwarding[] {
  return lines.flatMap((line, index) => {
    const [word, net, protocol, hostPort, guestAddress, guestPort] = line.trim().split(/\s+/);
    if (word !== 'add_nat_portfwd' || Number(net) !== network.index) return [];
    return {
      protocol: protocol!,
      hostPort: Number(hostPort),
      guestAddress: guestAddress!,
      guestPort: Number(guestPort),
      description: descriptionOf(lines[index - 1]),
    };
  });
}

function readSections(lines: string[]): PortForwarding[] {
  let protocol = '';
  return lines.flatMap((line, index) => {
    const section = /^\s*\[(.+)\]/.exec(line)?.[1]?.toLowerCase();
    if (section !== undefined) protocol = /^incoming(tcp|udp)$/.exec(section)?.[1] ?? '';
    const entry = /^\s*(\d+)\s*=\s*([\d.]+):(\d+)/.exec(line);
    if (!entry || protocol === '') return [];
    return {
      protocol,
      hostPort: Number(entry[1]),
      guestAddress: entry[2]!,
      guestPort: Number(entry[3]),
      description: descriptionOf(lines[index - 1]),
    };
  });
}

function without(session: Session, lines: string[], network: HostNetwork, protocol: string, port: number): string[] {
  const comment = `# ${protocol} ${port}:`;
  let section = '';
  return lines.filter((line) => {
    section = /^\s*\[incoming(\w+)\]/i.exec(line)?.[1]?.toLowerCase() ?? section;
    if (line.startsWith(comment)) return false;
    if (!session.paths.isWindows) return !line.startsWith(`add_nat_portfwd ${network.index} ${protocol} ${port} `);
    return section !== protocol || !new RegExp(`^\\s*${port}\\s*=`).test(line);
  });
}

function editLines(session: Session, edit: (lines: string[]) => string[]): void {
  const path = forwardingFile(session);
  withFileLock(session.registry.own('networks.lock'), () => {
    const end = session.paths.isWindows ? '\r\n' : '\n';
    replaceFile(path, edit(readFileSync(path, 'utf8').split(/\r?\n/)).join(end));
  });
}

const descriptionOf = (line = '') => /^# \w+ \d+: (.*)$/.exec(line)?.[1] ?? '';

const trimEnd = (lines: string[]) => lines.slice(0, lines.findLastIndex((line) => line.trim() !== '') + 1);
