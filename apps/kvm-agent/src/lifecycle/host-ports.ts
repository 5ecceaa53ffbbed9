import { readFile } from 'node:fs/promises';
import { LibvirtError, type Libvirt } from '@polyvirt/node-libvirt';

const HIGHEST = 65_535;

/** Ports that some definition names, or that something on this machine listens on. */
export async function usedPorts(libvirt: Libvirt): Promise<ReadonlySet<number>> {
  const used = new Set<number>();
  for (const domain of await libvirt.domains.list()) {
    // One that cannot be read keeps no clone from being made.
    const xml = await domain.xml({ inactive: true }).catch((error: unknown) => {
      if (error instanceof LibvirtError) return '';
      throw error;
    });
    for (const [, port] of xml.matchAll(/\b(?:service|port)=["'](\d+)["']/g)) used.add(Number(port));
  }
  for (const table of ['tcp', 'tcp6', 'udp', 'udp6']) {
    const lines = await readFile(`/proc/net/${table}`, 'utf8').catch(() => '');
    for (const [, port] of lines.matchAll(/^ *\d+: [0-9A-F]+:([0-9A-F]{4}) /gm)) used.add(parseInt(port!, 16));
  }
  return used;
}

/** Hands out ports that are not in use, each once. */
export function freePorts(used: ReadonlySet<number>): (from: number) => number {
  const taken = new Set(used);
  return (from) => {
    let port = from;
    while (taken.has(port) && port < HIGHEST) port += 1;
    taken.add(port);
    return port;
  };
}
