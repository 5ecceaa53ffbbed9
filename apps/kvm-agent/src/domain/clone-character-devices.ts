import { dirname, extname, basename, join } from 'node:path';
import type { Element } from '../xml-edit.ts';

const KINDS = ['serial', 'parallel', 'console', 'channel', 'redirdev', 'smartcard'] as const;

interface Renewal {
  readonly uuid: string;
  readonly nextPort: (from: number) => number;
}

/**
 * Serial ports, consoles and channels of a clone: files, sockets and ports on which they listen are its own. One that a console
 * and a serial port have in common stays common. Answers what the clone shares with its source all the same.
 */
export function renewCharacterDevices(devices: Element, { uuid, nextPort }: Renewal): string[] {
  const paths = new Map<string, string>();
  const ports = new Map<string, string>();
  const notes = new Set<string>();
  const ownPath = (path: string, note: (own: string) => string) => {
    const own = paths.get(path) ?? besides(path, uuid);
    // A console that is a serial port under another name is not told again.
    if (!paths.has(path)) notes.add(note(own));
    paths.set(path, own);
    return own;
  };
  const ownPort = (port: string, note: (own: string) => string) => {
    const own = ports.get(port) ?? String(nextPort(Number(port)));
    if (!ports.has(port)) notes.add(note(own));
    ports.set(port, own);
    return own;
  };
  const renew = (device: Element, what: string) => {
    for (const log of device.children('log')) {
      const file = log.attribute('file');
      if (file !== undefined)
        log.setAttribute(
          'file',
          ownPath(file, (own) => `The ${what} writes to ${own}.`),
        );
    }
    const type = device.attribute('type');
    if (type === 'unix' && isNamedByLibvirt(device)) device.removeChildren('source');
    for (const source of device.children('source')) {
      const path = source.attribute('path');
      const port = source.attribute('service');
      const listens = source.attribute('mode') === 'bind';
      const listensOn = (own: string) => `The ${what} listens on ${own}.`;
      if (type === 'file' && path !== undefined)
        source.setAttribute(
          'path',
          ownPath(path, (own) => `The ${what} writes to ${own}.`),
        );
      else if (type === 'unix' && path !== undefined && listens) source.setAttribute('path', ownPath(path, listensOn));
      else if ((type === 'tcp' || type === 'udp') && port !== undefined && listens)
        source.setAttribute(
          'service',
          ownPort(port, (own) => listensOn(`port ${own}`)),
        );
      else if (path !== undefined && type !== 'pty')
        notes.add(`The ${what} has ${path} as the source does: only one of the two can use it at a time.`);
      else if (type === 'tcp' || type === 'udp')
        notes.add(`The ${what} connects to ${source.attribute('host') ?? ''}:${port ?? ''} as the source does.`);
      // The name of a terminal that the source was given once.
      if (type === 'pty') source.removeAttribute('path');
    }
  };
  for (const kind of KINDS)
    for (const [index, device] of devices.children(kind).entries()) renew(device, `${wordFor[kind]} ${index}`);
  for (const rng of devices.children('rng'))
    for (const backend of rng.children('backend'))
      if (backend.attribute('model') === 'egd')
        notes.add('The random number generator asks the same daemon as that of the source.');
  return [...notes];
}

const wordFor: Readonly<Record<(typeof KINDS)[number], string>> = {
  serial: 'serial port',
  parallel: 'parallel port',
  console: 'console',
  channel: 'channel',
  redirdev: 'USB redirection',
  smartcard: 'smart card',
};

/** Of a virtio channel libvirt names the socket after the machine, if nobody else does. */
const isNamedByLibvirt = (device: Element): boolean =>
  device.name === 'channel' && device.child('target')?.attribute('type') === 'virtio';

/** A file beside another one. */
function besides(path: string, uuid: string): string {
  const extension = extname(path);
  return join(dirname(path), `${basename(path, extension)}-${uuid}${extension}`);
}
