import { attribute, child, children, type Xml } from '../xml.ts';

/** A VNC display. One that is off, or waits for its port or socket, has no address yet. */
export interface VncDisplay {
  readonly address: { readonly host: string; readonly port: number } | { readonly path: string } | undefined;
  /** Only in a definition that was read with its secrets. */
  readonly password: string | undefined;
}

/** Addresses that mean "all of the host". */
const anyAddress: ReadonlySet<string> = new Set(['0.0.0.0', '::', '']);

/** The VNC display of a domain; undefined when it has none. */
export function readVnc(devices: Xml | undefined): VncDisplay | undefined {
  const graphics = children(devices, 'graphics').find((candidate) => attribute(candidate, 'type') === 'vnc');
  if (!graphics) return undefined;
  return { address: addressOf(graphics), password: attribute(graphics, 'passwd') };
}

function addressOf(graphics: Xml): VncDisplay['address'] {
  const listens = children(graphics, 'listen');
  const path =
    attribute(graphics, 'socket') ??
    listens.map((listen) => attribute(listen, 'socket')).find((socket) => socket !== undefined);
  if (path !== undefined) return { path };
  const port = Number(attribute(graphics, 'port') ?? -1);
  // Without a listener a display has a port of none, and can be reached by libvirt alone.
  if (!(port > 0) || listens.some((listen) => attribute(listen, 'type') === 'none')) return undefined;
  const host =
    attribute(graphics, 'listen') ??
    listens.map((listen) => attribute(listen, 'address')).find((address) => address !== undefined) ??
    '127.0.0.1';
  return { host: anyAddress.has(host) ? loopbackOf(host) : host, port };
}

const loopbackOf = (host: string) => (host === '::' ? '::1' : '127.0.0.1');

/** The name that QEMU shows to viewers. A command line of its own can give another one than libvirt's. */
export function announcedName(domain: Xml, name: string): string {
  const args = children(child(domain, 'qemu:commandline'), 'qemu:arg').map((arg) => attribute(arg, 'value') ?? '');
  const own = args.lastIndexOf('-name');
  if (own < 0) return name;
  // A comma that is doubled is part of a value.
  const parts = (args[own + 1] ?? '').replaceAll(',,', '\0').split(',');
  const guest = parts.find((part) => part.startsWith('guest='))?.slice('guest='.length) ?? parts[0];
  return guest === undefined || guest === '' ? name : guest.replaceAll('\0', ',');
}
